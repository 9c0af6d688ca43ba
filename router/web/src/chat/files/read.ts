/** Files that a person adds to a message. */
import { server } from "../../api/server";
import type { AttachedFile, MediumKind } from "../store/types";

export const MAX_TEXT_BYTES = 1_000_000;
/** Files of one message. */
export const MAX_FILES = 16;
/** Pictures and recordings of a chat, all turns counted: the server takes no more. */
export const MAX_MEDIA = 16;
const PICTURES: readonly string[] = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"];
/** Videos too: the model hears them. */
const RECORDING = /^(audio|video)\//;
const BYTES_IN_BODY = 0.7; // as base64, with the text beside

export type Refusal = "too_large" | "not_text" | "no_pictures" | "no_recordings";

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
 * @param takes what the model does beside text.
 * @throws FileRefused it is too large, or nothing that the model can read.
 */
export async function readFile(file: File, takes: readonly MediumKind[]): Promise<AttachedFile> {
  const name = file.name === "" ? "file" : file.name;
  const kind = mediumOf(file);
  if (kind !== null) {
    if (!takes.includes(kind)) throw new FileRefused(name, kind === "image" ? "no_pictures" : "no_recordings");
    if (file.size > maxMediumBytes()) throw new FileRefused(name, "too_large");
    return { kind, name, url: await dataUrl(file) };
  }
  if (file.size > MAX_TEXT_BYTES) throw new FileRefused(name, "too_large");
  const text = decoded(await file.arrayBuffer());
  if (text === null) throw new FileRefused(name, "not_text");
  return { kind: "text", name, text };
}

/** What the server takes of one picture or recording. */
export function maxMediumBytes(): number {
  const limits = server.value?.limits ?? {};
  return Math.min(limits["max_upload_bytes"] ?? Infinity, (limits["max_body_bytes"] ?? Infinity) * BYTES_IN_BODY);
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

function mediumOf(file: File): MediumKind | null {
  if (PICTURES.includes(file.type)) return "image";
  return RECORDING.test(file.type) ? "audio" : null;
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new FileRefused(file.name, "not_text"));
    reader.readAsDataURL(new Blob([file], { type: file.type.split(";")[0] ?? "" }));
  });
}
