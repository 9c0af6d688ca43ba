/** How many files go with a message. */
import type { AttachedFile } from "../store/types";
import { MAX_FILES } from "./read";

/** Whether it is a picture or a recording. */
export function isMedium({ kind }: AttachedFile): boolean {
  return kind !== "text";
}

/** The first of `files` that may go with a message of a chat that has room for `room` more pictures and recordings. */
export function fitting(files: readonly AttachedFile[], room: number): readonly AttachedFile[] {
  const over = files.filter(isMedium).slice(Math.max(0, room));
  return files.filter((file) => !over.includes(file)).slice(0, MAX_FILES);
}
