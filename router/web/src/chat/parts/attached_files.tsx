/** The files that go with the next message. */
import { Name } from "../../render/plain";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import type { AttachedFile } from "../store/types";

const words = texts.chat;

export interface AttachedFilesProps {
  readonly files: readonly AttachedFile[];
  readonly onRemove: (file: AttachedFile) => void;
}

export function AttachedFiles({ files, onRemove }: AttachedFilesProps) {
  if (files.length === 0) return null;
  return (
    <ul class="attached" aria-label={words.attached}>
      {files.map((file, index) => (
        <li key={index}>
          {file.kind === "image" ? (
            <img src={file.url} alt="" />
          ) : (
            <Icon name={file.kind === "audio" ? "microphone" : "attach"} size={15} />
          )}
          <Name text={file.name} />
          {file.kind === "text" && <span class="soft">{words.size(new Blob([file.text]).size)}</span>}
          <button
            type="button"
            class="button quiet icon small"
            aria-label={words.removeFile(file.name)}
            onClick={() => onRemove(file)}
          >
            <Icon name="close" size={15} />
          </button>
        </li>
      ))}
    </ul>
  );
}
