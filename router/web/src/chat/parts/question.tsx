/** What a person has said. */
import { useState } from "preact/hooks";

import { codeText, Name, proseText } from "../../render/plain";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import type { Messages } from "../store/tree";
import type { AttachedFile, UserMessage } from "../store/types";
import { Branches } from "./branches";
import { CopyButton } from "../../ui/copy_button";
import { EditForm } from "./edit_form";
import { IconButton } from "./icon_button";

const words = texts.chat;

export interface QuestionProps {
  readonly message: UserMessage;
  readonly messages: Messages;
  /** Sends another text instead; null while that is not possible. */
  readonly onEdit: ((text: string) => void) | null;
}

export function Question({ message, messages, onEdit }: QuestionProps) {
  const [edits, setEdits] = useState(false);
  return (
    <article class="question" aria-label={words.youSay}>
      {message.files.length > 0 && (
        <ul class="message-files">
          {message.files.map((file, index) => (
            <li key={index}>
              <ShownFile file={file} />
            </li>
          ))}
        </ul>
      )}
      {edits && onEdit !== null ? (
        <EditForm
          text={message.text}
          label={words.editLabel}
          action={words.send}
          onCancel={() => setEdits(false)}
          onDone={(text) => {
            setEdits(false);
            onEdit(text);
          }}
        />
      ) : (
        message.text !== "" && <div class="bubble plain-text">{proseText(message.text)}</div>
      )}
      {!edits && (
        <div class="message-tools">
          <Branches messages={messages} message={message} />
          <CopyButton text={message.text} label={words.copy} />
          {onEdit !== null && <IconButton icon="edit" label={words.edit} onClick={() => setEdits(true)} />}
        </div>
      )}
    </article>
  );
}

function ShownFile({ file }: { readonly file: AttachedFile }) {
  if (file.kind === "text")
    return (
      <details class="message-file">
        <summary>
          <Icon name="attach" size={15} />
          <Name text={file.name} />
          <span class="soft">{words.size(new Blob([file.text]).size)}</span>
        </summary>
        <pre tabIndex={0}>{codeText(file.text)}</pre>
      </details>
    );
  if (file.kind === "image") return <img class="message-picture" src={file.url} alt={file.name} />;
  return (
    <figure class="message-recording">
      <audio controls src={file.url} aria-label={file.name} />
      <figcaption class="soft">
        <Name text={file.name} />
      </figcaption>
    </figure>
  );
}
