/** One chat: its model and settings, its messages, and the box for the next one. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { modelsOf } from "../../api/server";
import { linkTo, navigate } from "../../app/route";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";
import type { OpenChat } from "../store/store";
import { branch, mediaIn } from "../store/tree";
import type { AnswerMessage, UserMessage } from "../store/types";
import {
  answerAgain,
  answerToResults,
  ask,
  type Asked,
  askInNewChat,
  askInstead,
  goOn,
  rewriteAnswer,
} from "../talk/ask";
import { ToolsError } from "../talk/body";
import { mediaTaken } from "../talk/capabilities";
import { runs, stopRun } from "../talk/runs";
import { useChosen } from "./chosen";
import { Composer, type Suggestion } from "./composer";
import { Conversation } from "./conversation";
import { DropArea } from "./drop_area";
import { useFollow } from "./follow";
import { Head } from "./head";
import { SettingsDialog } from "./settings_dialog";
import { useStopKey } from "./stop_key";
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
  const [asksSettings, setAsksSettings] = useState(false);
  const [suggested, setSuggested] = useState<Suggestion | null>(null);
  const chosen = useChosen(chat);
  const { model, settings } = chosen;
  const shown = open === null ? [] : branch(open.messages, open.chat.tip);
  const takes = mediaTaken(model);
  const files = useFiles(chat?.id ?? null, takes, mediaIn(shown));
  const follow = useFollow();
  const running = shown.filter((one) => runs.value.has(one.id));
  const answers = running.length > 0;
  const isBusy = useRef(false);
  const stop = () => running.forEach((message) => void stopRun(message.id));
  useStopKey(answers, stop);
  useLayoutEffect(follow.toEnd, [chat?.id]);

  const attempt = async (action: (model: string) => Promise<unknown>): Promise<boolean> => {
    if (model === null || isBusy.current) return false;
    isBusy.current = true; // a second click or a held key comes before the first one is shown
    follow.toEnd();
    try {
      return await attempted(() => action(model.id));
    } finally {
      isBusy.current = false;
    }
  };
  const send = async (asked: Asked): Promise<boolean> => {
    const isSent = await attempt(async (by) => {
      if (chat !== null) return ask(asked, by);
      const fresh = await askInNewChat(asked, by, chosen.chosen, settings);
      chosen.taken();
      navigate(linkTo("chat", fresh));
    });
    if (isSent) files.clear();
    if (isSent) setSuggested(null);
    return isSent;
  };
  const actions = {
    edit: (message: UserMessage, text: string) => void attempt((by) => askInstead(message, text, by)),
    again: (answer: AnswerMessage) => void attempt((by) => answerAgain(answer, by)),
    goOn: (answer: AnswerMessage) => void attempt((by) => goOn(answer, by)),
    rewrite: (answer: AnswerMessage, text: string) => void attempted(() => rewriteAnswer(answer, text)),
    sendResults: (answer: AnswerMessage) => void attempt((by) => answerToResults(answer, by)),
  };
  return (
    <>
      <Head
        {...{ chat, model, listIsOpen, onList }}
        models={modelsOf("text")}
        chosen={chosen.chosen}
        onModel={chosen.choose}
        onSettings={() => setAsksSettings(true)}
      />
      <DropArea onFiles={(dropped) => void files.add(dropped)}>
        <div class="talk-scroll" ref={follow.scroller} tabIndex={-1}>
          <div class="talk-column" ref={follow.content}>
            {open === null ? (
              <Welcome model={model} onExample={(text) => setSuggested({ text })} />
            ) : (
              <Conversation open={open} actions={answers || model === null ? null : actions} />
            )}
          </div>
        </div>
        <div class="talk-foot">
          {!follow.follows && <ToEnd onClick={follow.toEnd} />}
          <Composer
            {...{ answers, suggested }}
            chat={chat?.id ?? null}
            canSend={model !== null}
            files={files.files}
            hears={takes.includes("audio")}
            onFiles={(added) => void files.add(added)}
            onRemoveFile={files.remove}
            onSend={send}
            onStop={stop}
          />
        </div>
      </DropArea>
      {asksSettings && (
        <SettingsDialog
          title={chat === null ? words.settingsNew : words.settings}
          settings={settings}
          thinks={model?.thinks ?? false}
          onClose={() => setAsksSettings(false)}
          onApply={(changed, forNew) => {
            setAsksSettings(false);
            chosen.set(changed, forNew);
          }}
        />
      )}
    </>
  );
}

function ToEnd({ onClick }: { readonly onClick: () => void }) {
  return (
    <button type="button" class="button small to-end" onClick={onClick}>
      <Icon name="down" size={17} />
      {words.toEnd}
    </button>
  );
}

/** Do what may be refused: by settings that cannot be sent, or by a browser that cannot keep more. Whether it was done. */
async function attempted(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    if (error instanceof ToolsError) toast(words.toolsWrong(error.message));
    else if (error instanceof DOMException) toast(words.notKept(error.message));
    else throw error;
    return false;
  }
}
