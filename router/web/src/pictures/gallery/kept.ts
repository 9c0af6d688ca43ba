/** The pictures that this browser keeps. */
import { signal } from "@preact/signals";

import { releaseUrl } from "../../media/blob_url";
import { mediaDatabase } from "../../media/database";
import type { PictureSettings } from "../settings/settings";

export interface KeptPicture {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly png: Blob;
  readonly width: number;
  readonly height: number;
  /** What it was asked for with; its seed is its own. */
  readonly settings: PictureSettings;
  readonly hasInput: boolean;
}

/** The latest first; null until they are read. */
export const kept = signal<readonly KeptPicture[] | null>(null);
/** Whether the browser refuses to keep anything. */
export const isForgetful = signal(false);

/** Read them; again only after a failure. */
export async function readKept(): Promise<void> {
  if (kept.value !== null) return;
  try {
    const found = await (await mediaDatabase()).getAll("pictures");
    kept.value = merged(found);
  } catch (error) {
    forgetful(error);
    kept.value = merged([]);
  }
}

export async function keep(picture: KeptPicture): Promise<void> {
  kept.value = merged([picture]);
  try {
    await (await mediaDatabase()).put("pictures", picture);
  } catch (error) {
    forgetful(error);
  }
}

export async function forget(pictures: readonly KeptPicture[]): Promise<void> {
  const gone = new Set(pictures.map(({ id }) => id));
  kept.value = (kept.value ?? []).filter(({ id }) => !gone.has(id));
  for (const { png } of pictures) releaseUrl(png);
  try {
    const changes = (await mediaDatabase()).transaction("pictures", "readwrite");
    await Promise.all([...[...gone].map((id) => changes.store.delete(id)), changes.done]);
  } catch (error) {
    forgetful(error);
  }
}

/** Those whose prompt, seed or model has all the words. */
export function matching(pictures: readonly KeptPicture[], search: string): readonly KeptPicture[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return pictures;
  return pictures.filter(({ settings: { prompt, negativePrompt, model, seed } }) => {
    const text = `${prompt}\n${negativePrompt}\n${model}\n${seed}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The kept pictures and `more`, each once, the latest first. */
function merged(more: readonly KeptPicture[]): readonly KeptPicture[] {
  const all = new Map([...(kept.value ?? []), ...more].map((picture) => [picture.id, picture]));
  return [...all.values()].sort((one, other) => other.created - one.created || (one.id < other.id ? -1 : 1));
}

function forgetful(error: unknown): void {
  console.info("this browser keeps no pictures", error);
  isForgetful.value = true;
}
