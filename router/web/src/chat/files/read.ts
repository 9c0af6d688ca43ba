/** Files that a person adds to a message. */
import type { AttachedFile } from "../store/types";

export const MAX_TEXT_BYTES = 1_000_000;
export const MAX_PICTURE_BYTES = 8_000_000;
export const MAX_FILES = 20;
const PICTURES: readonly string[] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

export type Refusal = "too_large" | "not_text" | "no_pictures";

/** The file was not taken. */
export class FileRefused extends Error {
  constructor(
    readonly fileName: string,
    readonly reason: Refusal,
  ) {
    super(`${fileName}: ${reason}`);
  }
}

/**
 * A file as a part of a message.
 *
 * @param takesPictures whether the model does.
 * @throws FileRefused it is too large, or nothing that the model can read.
 */
export async function readFile(file: File, takesPictures: boolean): Promise<AttachedFile> {
  const name = file.name === "" ? "file" : file.name;
  if (PICTURES.includes(file.type)) {
    if (!takesPictures) throw new FileRefused(name, "no_pictures");
    if (file.size > MAX_PICTURE_BYTES) throw new FileRefused(name, "too_large");
    return { kind: "image", name, url: await dataUrl(file) };
  }
  if (file.size > MAX_TEXT_BYTES) throw new FileRefused(name, "too_large");
  const text = decoded(await file.arrayBuffer());
  if (text === null) throw new FileRefused(name, "not_text");
  return { kind: "text", name, text };
}

/** The text of bytes; null if they are none. */
export function decoded(bytes: ArrayBuffer): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? null : text;
  } catch {
    return null; // not UTF-8
  }
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new FileRefused(file.name, "not_text"));
    reader.readAsDataURL(file);
  });
}
