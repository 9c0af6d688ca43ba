/** The files that go with the next message of a chat. */
import { useEffect, useState } from "preact/hooks";

import { texts } from "../../texts";
import { toast } from "../../ui/toast";
import { FileRefused, MAX_FILES, readFile } from "../files/read";
import type { AttachedFile } from "../store/types";

export interface ChosenFiles {
  readonly files: readonly AttachedFile[];
  add(chosen: readonly File[]): Promise<void>;
  remove(file: AttachedFile): void;
  clear(): void;
}

export function useFiles(chat: string | null, pictures: boolean): ChosenFiles {
  const [files, setFiles] = useState<readonly AttachedFile[]>([]);
  useEffect(() => setFiles([]), [chat]);
  return {
    files,
    async add(chosen) {
      const read: AttachedFile[] = [];
      for (const file of chosen) {
        try {
          read.push(await readFile(file, pictures));
        } catch (error) {
          if (!(error instanceof FileRefused)) throw error;
          toast(texts.chat.refused[error.reason](error.fileName));
        }
      }
      if (files.length + read.length > MAX_FILES) toast(texts.chat.tooMany(MAX_FILES));
      setFiles((before) => [...before, ...read].slice(0, MAX_FILES));
    },
    remove(file) {
      setFiles((before) => before.filter((one) => one !== file));
    },
    clear() {
      setFiles([]);
    },
  };
}
