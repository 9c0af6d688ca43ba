/** One chat: its model and settings, its messages, and the box for the next one. */
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

import { modelsOf } from "../../api/server";
import { linkTo, navigate } from "../../app/route";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";
import { changeChat, defaults, keepDefaults, type OpenChat } from "../store/store";
import { branch } from "../store/tree";
import type { AnswerMessage, Settings, UserMessage } from "../store/types";
import {
  answerAgain,
  answering,
  answerToResults,
  ask,
  type Asked,
  askInNewChat,
  askInstead,
  changeSettings,
  goOn,
  rewriteAnswer,
} from "../talk/ask";
import { ToolsError } from "../talk/body";
import { takesPictures } from "../talk/capabilities";
import { lastModel, rememberModel } from "../talk/last_model";
import { runs, stopRun } from "../talk/runs";
import { Composer, type Suggestion } from "./composer";
import { Conversation } from "./conversation";
import { useFollow } from "./follow";
import { Head } from "./head";
import { SettingsDialog } from "./settings_dialog";
import { useFiles } from "./use_files";
import { Welcome } from "./welcome";

const words = texts.chat;

export interface TalkProps {
  /** Null for a new chat. */
  readonly open: OpenChat | null;
  readonly listIsOpen: boolean;
  readonly onList: () => void;
}

export function Talk({ open, listIsOpen, onList }: TalkProps) {
  const chat = open?.chat ?? null;
  const [chosenNew, setChosenNew] = useState(lastModel());
  const [settingsNew, setSettingsNew] = useState<Settings | null>(null);
  const [asksSettings, setAsksSettings] = useState(false);
  const [suggested, setSuggested] = useState<Suggestion | null>(null);
  const [dropping, setDropping] = useState(false);
  const { scroller, content, follows, toEnd } = useFollow();

  const models = modelsOf("text");
  const chosen = chat === null ? chosenNew : chat.model;
  const id = answering(chosen);
  const model = models.find((one) => one.id === id) ?? null;
  const chosenFiles = useFiles(chat?.id ?? null, takesPictures(model));
  const settings = chat?.settings ?? settingsNew ?? defaults.value;
  const running = open === null ? [] : branch(open.messages, open.chat.tip).filter((one) => runs.value.has(one.id));
  const answers = running.length > 0;

  useLayoutEffect(toEnd, [chat?.id]);
  const stop = () => running.forEach((message) => void stopRun(message.id));
  useStopKey(answers, stop);

  /** Do what sends a request; whether it could be done. */
  const attempt = async (action: (model: string) => Promise<unknown>): Promise<boolean> => {
    if (id === null) return false;
    toEnd();
    try {
      await action(id);
      return true;
    } catch (error) {
      if (!(error instanceof ToolsError) && !(error instanceof DOMException)) throw error;
      toast(error instanceof ToolsError ? words.toolsWrong(error.message) : words.notKept(error.message));
      return false;
    }
  };
  const send = async (asked: Asked): Promise<boolean> => {
    const isSent = await attempt(async (answeringModel) => {
      if (chat !== null) return ask(asked, answeringModel);
      const fresh = await askInNewChat(asked, answeringModel, chosenNew, settings);
      setSettingsNew(null);
      navigate(linkTo("chat", fresh));
    });
    if (isSent) {
      chosenFiles.clear();
      setSuggested(null);
    }
    return isSent;
  };
  const actions = {
    edit: (message: UserMessage, text: string) => void attempt((by) => askInstead(message, text, by)),
    again: (answer: AnswerMessage) => void attempt((by) => answerAgain(answer, by)),
    goOn: (answer: AnswerMessage) => void attempt((by) => goOn(answer, by)),
    rewrite: (answer: AnswerMessage, text: string) => void rewriteAnswer(answer, text),
    sendResults: (answer: AnswerMessage) => void attempt((by) => answerToResults(answer, by)),
  };
  return (
    <>
      <Head
        {...{ chat, models, model, chosen, listIsOpen, onList }}
        onModel={(chosenId) => {
          rememberModel(chosenId);
          setChosenNew(chosenId);
          if (chat !== null) void changeChat(chat.id, (before) => ({ ...before, model: chosenId }));
        }}
        onSettings={() => setAsksSettings(true)}
      />
      <div
        class="talk"
        onDragOver={(event) => {
          if (!event.dataTransfer?.types.includes("Files")) return;
          event.preventDefault();
          setDropping(true);
        }}
        onDragLeave={(event) => {
          if (event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget)) return;
          setDropping(false);
        }}
        onDrop={(event) => {
          event.preventDefault();
          setDropping(false);
          void chosenFiles.add([...(event.dataTransfer?.files ?? [])]);
        }}
      >
        <div class="talk-scroll" ref={scroller} tabIndex={-1}>
          <div class="talk-column" ref={content}>
            {open === null ? (
              <Welcome model={model} onExample={(text) => setSuggested({ text })} />
            ) : (
              <Conversation open={open} actions={answers || id === null ? null : actions} />
            )}
          </div>
        </div>
        <div class="talk-foot">
          {!follows && (
            <button type="button" class="button small to-end" onClick={toEnd}>
              <Icon name="down" size={17} />
              {words.toEnd}
            </button>
          )}
          <Composer
            chat={chat?.id ?? null}
            answers={answers}
            canSend={id !== null}
            files={chosenFiles.files}
            onFiles={(files) => void chosenFiles.add(files)}
            onRemoveFile={chosenFiles.remove}
            suggested={suggested}
            onSend={send}
            onStop={stop}
          />
        </div>
        {dropping && (
          <div class="drop-shade">
            <Icon name="attach" size={32} />
            {words.dropHere}
          </div>
        )}
      </div>
      {asksSettings && (
        <SettingsDialog
          title={chat === null ? words.settingsNew : words.settings}
          settings={settings}
          onClose={() => setAsksSettings(false)}
          onApply={(changed, forNew) => {
            setAsksSettings(false);
            if (forNew) void keepDefaults(changed);
            if (chat === null) setSettingsNew(changed);
            else void changeSettings(chat.id, changed);
          }}
        />
      )}
    </>
  );
}

/** Escape stops the answer, wherever the focus is; dialogs and menus take it first. */
function useStopKey(answers: boolean, stop: () => void): void {
  useEffect(() => {
    if (!answers) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && document.querySelector("dialog[open]") === null) stop();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
