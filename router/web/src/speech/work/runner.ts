/** Has recordings transcribed, one after another; a reload of the page continues them. */
import { whenOnline } from "../../api/connection";
import { ApiError, isAbort, OfflineError } from "../../api/errors";
import { openStream, resumeStream, type StreamOptions } from "../../api/stream";
import { newId } from "../../media/database";
import { giveUp } from "../../media/jobs";
import { isGone, Places, START } from "../../media/places";
import { texts } from "../../texts";
import { afterEvent, type SpeechTask, type Transcript, type TranscriptState } from "../transcript/transcript";
import {
  addTranscript,
  changeTranscript,
  deleteTranscript,
  readTranscripts,
  recordingOf,
  transcriptOf,
  transcripts,
} from "./kept";
import { requestOf } from "./request";

export interface SpeechWish {
  readonly task: SpeechTask;
  readonly model: string;
  readonly language: string;
}

const WORDS_FIELD = "timestamp_granularities[]";
const CANCELLED = 499;

const places = new Places("speech");
let running: { readonly id: string; readonly abort: AbortController } | null = null;

/** Add recordings; the id of the first one. */
export async function transcribe(
  files: readonly File[],
  wish: SpeechWish,
  durationS: number | null = null,
): Promise<string | null> {
  const added = files.map((file): [Transcript, File] => [begun(file, wish, durationS), file]);
  for (const [transcript, file] of added) {
    places.set(transcript.id, START);
    await addTranscript(transcript, file);
  }
  void runNext();
  return added[0]?.[0].id ?? null;
}

/** Stop one; what has been heard stays. */
export async function stop(id: string): Promise<void> {
  const jobId = places.get(id)?.jobId ?? null;
  places.delete(id);
  await settle(id, "stopped");
  if (running?.id === id) running.abort.abort();
  if (jobId !== null) await giveUp(jobId);
}

export async function remove(id: string): Promise<void> {
  if (places.get(id) !== null) await stop(id);
  await deleteTranscript(id);
}

/** Hear a recording again from its beginning. */
export async function again(id: string): Promise<void> {
  places.set(id, START);
  await changeTranscript(id, (transcript) => ({ ...transcript, state: "waiting", error: null, segments: [] }));
  void runNext();
}

let continued: Promise<void> | null = null;

/** Read what is kept, and go on with what this tab had begun before it was reloaded; the first call counts. */
export function continueTranscripts(): Promise<void> {
  continued ??= (async () => {
    await readTranscripts();
    for (const id of places.ids) if (transcriptOf(id) === undefined) places.delete(id);
    void runNext();
  })();
  return continued;
}

/** Whether a transcript is being made: by this tab, or by another one for all that is known. */
export function isUnfinished({ state }: Transcript): boolean {
  return state === "waiting" || state === "running" || state === "interrupted";
}

/** Whether this tab makes it. */
export function isOurs(id: string): boolean {
  return places.get(id) !== null;
}

async function runNext(): Promise<void> {
  if (running !== null) return;
  const next = (transcripts.value ?? []).filter(({ id }) => places.get(id) !== null).at(-1);
  if (next === undefined) return;
  running = { id: next.id, abort: new AbortController() };
  try {
    await followOrBegin(next.id, running.abort.signal);
    await settle(next.id, "done");
  } catch (error) {
    await failed(next.id, error);
  } finally {
    places.delete(next.id);
    running = null;
    void runNext();
  }
}

async function failed(id: string, error: unknown): Promise<void> {
  if (isAbort(error)) return; // stopped: it says so already
  if (error instanceof ApiError && error.code === "taken_over") return; // another tab goes on with it
  if (error instanceof ApiError && error.status === CANCELLED) return settle(id, "stopped");
  if (!(error instanceof ApiError)) console.error(error);
  const message = error instanceof Error ? error.message : String(error);
  await changeTranscript(id, (transcript) => ({ ...transcript, state: "failed", error: message }));
}

/** Follow a transcript; one that the server no longer knows is begun anew, once. */
async function followOrBegin(id: string, signal: AbortSignal): Promise<void> {
  try {
    await follow(id, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
    places.set(id, START);
    await changeTranscript(id, (transcript) => ({ ...transcript, segments: [] }));
    await follow(id, signal);
  }
}

async function follow(id: string, signal: AbortSignal): Promise<void> {
  await settle(id, "running");
  for await (const event of eventsOf(id, signal)) {
    await changeTranscript(id, (transcript) => afterEvent(transcript, event.data));
    signal.throwIfAborted();
    const place = places.get(id);
    if (place !== null && event.id !== null) places.set(id, { ...place, lastEventId: event.id });
  }
}

async function* eventsOf(id: string, signal: AbortSignal): ReturnType<typeof openStream> {
  const options: StreamOptions = {
    signal,
    onStart: (jobId) => places.set(id, { jobId, lastEventId: 0 }),
    onInterrupted: (interrupted) => void settle(id, interrupted ? "interrupted" : "running"),
  };
  const { jobId, lastEventId } = places.get(id) ?? START;
  if (jobId !== null) {
    yield* resumeStream({ jobId, lastEventId }, options);
    return;
  }
  yield* newEventsOf(id, signal, options);
}

/** The events of a new request, which is sent again where it did not arrive, or where the model cannot time words. */
async function* newEventsOf(id: string, signal: AbortSignal, options: StreamOptions): ReturnType<typeof openStream> {
  const recording = await recordingOf(id);
  const transcript = transcriptOf(id);
  if (recording === null || transcript === undefined) throw new ApiError(404, texts.speech.recordingGone);
  for (let withWords = true; ; ) {
    const { path, body } = requestOf(transcript, recording, withWords);
    try {
      yield* openStream(path, body, options);
      return;
    } catch (error) {
      if (error instanceof OfflineError) {
        await settle(id, "interrupted");
        await whenOnline();
        signal.throwIfAborted();
      } else if (withWords && error instanceof ApiError && error.param === WORDS_FIELD) {
        withWords = false;
      } else {
        throw error;
      }
    }
  }
}

function settle(id: string, state: TranscriptState): Promise<void> {
  return changeTranscript(id, (transcript) => ({ ...transcript, state }));
}

function begun(file: File, { task, model, language }: SpeechWish, durationS: number | null): Transcript {
  const name = file.name === "" ? "recording" : file.name;
  const created = Date.now();
  return {
    id: newId(),
    created,
    name,
    task,
    model,
    language,
    state: "waiting",
    segments: [],
    heard: null,
    durationS,
    error: null,
  };
}
