/** The files that go with the next message of a chat. */
import { useEffect, useState } from "preact/hooks";

import { texts } from "../../texts";
import { toast } from "../../ui/toast";
import { fitting, isMedium } from "../files/fitting";
import { FileRefused, MAX_FILES, MAX_MEDIA, readFile } from "../files/read";
import type { AttachedFile, MediumKind } from "../store/types";

export interface ChosenFiles {
  readonly files: readonly AttachedFile[];
  add(chosen: readonly File[]): Promise<void>;
  remove(file: AttachedFile): void;
  clear(): void;
}

/** @param mediaBefore how many pictures and recordings the chat has. */
export function useFiles(chat: string | null, takes: readonly MediumKind[], mediaBefore: number): ChosenFiles {
  const [files, setFiles] = useState<readonly AttachedFile[]>([]);
  useEffect(() => setFiles([]), [chat]);
  return {
    files,
    async add(chosen) {
      const read: AttachedFile[] = [];
      for (const file of chosen) {
        try {
          read.push(await readFile(file, takes));
        } catch (error) {
          if (!(error instanceof FileRefused)) throw error;
          toast(texts.chat.refused[error.reason](error.fileName));
        }
      }
      const room = MAX_MEDIA - mediaBefore;
      const all = [...files, ...read];
      if (all.filter(isMedium).length > room) toast(texts.chat.tooManyMedia(MAX_MEDIA));
      else if (all.length > MAX_FILES) toast(texts.chat.tooMany(MAX_FILES));
      setFiles((before) => fitting([...before, ...read], room));
    },
    remove(file) {
      setFiles((before) => before.filter((one) => one !== file));
    },
    clear() {
      setFiles([]);
    },
  };
}
