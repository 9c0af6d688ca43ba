/** The box for messages, with files and the microphone. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import type { AttachedFile } from "../store/types";
import type { Asked } from "../talk/ask";
import { AttachedFiles } from "./attached_files";
import { draftOf, keepDraft } from "./drafts";
import { IconButton } from "./icon_button";
import { isPhone, isSendKey } from "./keys";
import { Microphone } from "./microphone";
import { RecordButton } from "./record_button";

const words = texts.chat;

export interface Suggestion {
  readonly text: string;
}

export interface ComposerProps {
  /** The chat's id; null for a new one. */
  readonly chat: string | null;
  readonly answers: boolean;
  readonly canSend: boolean;
  readonly files: readonly AttachedFile[];
  /** Whether the model takes recordings. */
  readonly hears: boolean;
  readonly onFiles: (files: readonly File[]) => void;
  readonly onRemoveFile: (file: AttachedFile) => void;
  /** A text to begin with, as from an example. */
  readonly suggested: Suggestion | null;
  /** Resolves to whether the message was sent. */
  readonly onSend: (asked: Asked) => Promise<boolean>;
  readonly onStop: () => void;
}

export function Composer(props: ComposerProps) {
  const { chat, answers, canSend, files } = props;
  const [text, setText] = useDraft(chat, props.suggested);
  const box = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!isPhone() || props.suggested !== null) box.current?.focus();
  }, [chat, props.suggested]);
  useGrowth(box, text);

  const isEmpty = text.trim() === "" && files.length === 0;
  const send = async () => {
    if (isEmpty || answers || !canSend) return;
    if (await props.onSend({ text: text.trim(), files })) setText("");
    box.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <AttachedFiles files={files} onRemove={props.onRemoveFile} />
      <textarea
        ref={box}
        class="composer-box"
        rows={1}
        aria-label={words.box}
        placeholder={words.placeholder}
        enterkeyhint={isPhone() ? "enter" : "send"}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (!isSendKey(event)) return;
          event.preventDefault();
          void send();
        }}
        onPaste={(event) => {
          const pasted = [...(event.clipboardData?.files ?? [])];
          if (pasted.length === 0) return;
          event.preventDefault();
          props.onFiles(pasted);
        }}
      />
      <div class="composer-tools">
        <input
          ref={chooser}
          class="visually-hidden"
          type="file"
          multiple
          tabIndex={-1}
          aria-label={words.attach}
          aria-hidden="true"
          onChange={(event) => {
            props.onFiles([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = ""; // so that the same file can be chosen again
          }}
        />
        <IconButton icon="attach" small={false} label={words.attach} onClick={() => chooser.current?.click()} />
        <Microphone
          onText={(said) => {
            setText(text.trim() === "" ? said : `${text.trimEnd()} ${said}`);
            box.current?.focus();
          }}
        />
        {props.hears && (
          <RecordButton
            icon="record"
            label={words.addRecording}
            name={words.recording}
            onRecorded={({ file }) => props.onFiles([file])}
          />
        )}
        <span class="composer-gap" />
        {answers ? (
          <button
            type="button"
            class="button icon primary"
            title={words.stop}
            aria-label={words.stop}
            onClick={() => {
              props.onStop();
              if (!isPhone()) box.current?.focus(); // the button goes
            }}
          >
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            class="button icon primary"
            title={words.send}
            aria-label={words.send}
            disabled={isEmpty || !canSend}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}

/** The text in the box: each chat has its own, and a suggestion replaces it. */
function useDraft(chat: string | null, suggested: Suggestion | null): [string, (text: string) => void] {
  const [draft, setDraft] = useState({ chat, text: draftOf(chat) });
  const shown = draft.chat === chat ? draft : { chat, text: draftOf(chat) };
  const set = (text: string) => {
    keepDraft(chat, text);
    setDraft({ chat, text });
  };
  useEffect(() => {
    if (suggested !== null) set(suggested.text);
  }, [suggested]);
  return [shown.text, set];
}

/** Let the box grow with its text. */
function useGrowth(box: { readonly current: HTMLTextAreaElement | null }, text: string): void {
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);
}
