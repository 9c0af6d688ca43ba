/** The transcripts that this browser keeps, and their recordings. */
import { signal } from "@preact/signals";

import { releaseUrl } from "../../media/blob_url";
import { mediaDatabase } from "../../media/database";
import type { Transcript } from "../transcript/transcript";

/** The latest first; null until they are read. */
export const transcripts = signal<readonly Transcript[] | null>(null);
/** Whether the browser refuses to keep anything. */
export const isForgetful = signal(false);

/** Recordings of this page's life: also those that the browser does not keep. */
const recordings = new Map<string, Blob>();

/** Read them; a second call does nothing. */
export async function readTranscripts(): Promise<void> {
  if (transcripts.value !== null) return;
  let found: readonly Transcript[] = [];
  try {
    found = await (await mediaDatabase()).getAll("transcripts");
  } catch (error) {
    forgetful(error);
  }
  const all = new Map([...found, ...(transcripts.value ?? [])].map((transcript) => [transcript.id, transcript]));
  transcripts.value = [...all.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
}

export function transcriptOf(id: string): Transcript | undefined {
  return transcripts.value?.find((transcript) => transcript.id === id);
}

export async function addTranscript(transcript: Transcript, recording: Blob): Promise<void> {
  recordings.set(transcript.id, recording);
  transcripts.value = [transcript, ...(transcripts.value ?? [])];
  try {
    await (await mediaDatabase()).put("recordings", recording, transcript.id);
  } catch (error) {
    forgetful(error);
  }
  await store(transcript);
}

/** Change a transcript that may have been deleted in the meantime; what it is then is returned. */
export async function changeTranscript(id: string, change: (transcript: Transcript) => Transcript): Promise<void> {
  const before = transcriptOf(id);
  if (before === undefined) return;
  const after = change(before);
  transcripts.value = (transcripts.value ?? []).map((transcript) => (transcript.id === id ? after : transcript));
  await store(after);
}

export async function deleteTranscript(id: string): Promise<void> {
  transcripts.value = (transcripts.value ?? []).filter((transcript) => transcript.id !== id);
  const recording = recordings.get(id);
  if (recording !== undefined) releaseUrl(recording);
  recordings.delete(id);
  try {
    const database = await mediaDatabase();
    await Promise.all([database.delete("transcripts", id), database.delete("recordings", id)]);
  } catch (error) {
    forgetful(error);
  }
}

/** The recording of a transcript; null if the browser has not kept it. */
export async function recordingOf(id: string): Promise<Blob | null> {
  const known = recordings.get(id);
  if (known !== undefined) return known;
  try {
    const found = (await (await mediaDatabase()).get("recordings", id)) ?? null;
    if (found !== null) recordings.set(id, found);
    return found;
  } catch (error) {
    forgetful(error);
    return null;
  }
}

async function store(transcript: Transcript): Promise<void> {
  try {
    await (await mediaDatabase()).put("transcripts", transcript);
  } catch (error) {
    forgetful(error);
  }
}

function forgetful(error: unknown): void {
  console.info("this browser keeps no transcripts", error);
  isForgetful.value = true;
}
