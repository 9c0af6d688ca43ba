/** Sends orders to the server and follows their streams, some at a time; a reload of the page continues them. */
import { signal } from "@preact/signals";

import { pause, whenOnline } from "../../api/connection";
import { ApiError, isAbort, OfflineError } from "../../api/errors";
import { openStream, resumeStream, type StreamOptions } from "../../api/stream";
import { blobOfBase64 } from "../../media/blob_url";
import { mediaDatabase, newId } from "../../media/database";
import { giveUp, queuePosition } from "../../media/jobs";
import { isGone, Places, START } from "../../media/places";
import { keep } from "../gallery/kept";
import type { PictureSettings } from "../settings/settings";
import { requestOf, type WaitingPictures } from "./order";
import { afterEvent, NOT_BEGUN, type FinishedPicture, type Progress } from "./progress";

export type WorkState = "waiting" | "sent" | "interrupted" | "failed";

export interface Work extends WaitingPictures {
  readonly state: WorkState;
  readonly progress: Progress;
  /** The server's words. */
  readonly error: string | null;
}

/** Fewer than there are turns for streams (`api/turns.ts`): chats and transcripts need some too. */
const MAX_STREAMS = 3;
const POLL_MS = 1500;
const CANCELLED = 499;

/** The oldest first. */
export const works = signal<readonly Work[]>([]);

const places = new Places("pictures");
const aborts = new Map<string, AbortController>();

/** Order pictures; they begin when those before them are done. */
export async function order(settings: PictureSettings, input: Blob | null, mask: Blob | null): Promise<void> {
  const ordered: WaitingPictures = { id: newId(), created: Date.now(), settings, input, mask };
  places.set(ordered.id, START);
  works.value = [...works.value, begun(ordered)];
  await remember(ordered);
  startNext();
}

/** Give an order up. */
export async function cancel(id: string): Promise<void> {
  const jobId = places.get(id)?.jobId ?? null;
  aborts.get(id)?.abort();
  await finish(id);
  if (jobId !== null) await giveUp(jobId);
}

/** Send an order again that has failed. */
export function retry(id: string): void {
  places.set(id, START);
  change(id, { state: "waiting", progress: NOT_BEGUN, error: null });
  startNext();
}

let continued: Promise<void> | null = null;

/** Go on with what this tab had ordered before it was reloaded; the first call counts. */
export function continueWorks(): Promise<void> {
  continued ??= readWorks();
  return continued;
}

async function readWorks(): Promise<void> {
  if (places.ids.length === 0) return;
  try {
    const database = await mediaDatabase();
    for (const id of [...places.ids].sort()) {
      const found = await database.get("orders", id);
      if (found === undefined) places.delete(id);
      else if (!works.value.some((work) => work.id === id)) works.value = [...works.value, begun(found)];
    }
  } catch (error) {
    console.info("orders from before the reload cannot be read", error);
  }
  startNext();
}

function startNext(): void {
  for (const work of works.value) {
    if (aborts.size >= MAX_STREAMS) return;
    if (work.state === "waiting" && !aborts.has(work.id)) void run(work);
  }
}

async function run(work: Work): Promise<void> {
  const abort = new AbortController();
  aborts.set(work.id, abort);
  try {
    await followOrBegin(work, abort.signal);
    await finish(work.id);
  } catch (error) {
    if (isAbort(error)) return;
    if (error instanceof ApiError && (error.status === CANCELLED || error.code === "taken_over")) await finish(work.id);
    else change(work.id, { state: "failed", error: error instanceof Error ? error.message : String(error) });
    if (!(error instanceof ApiError)) console.error(error);
  } finally {
    aborts.delete(work.id);
    startNext();
  }
}

/** Follow an order; one that the server no longer knows is sent again, once. */
async function followOrBegin(work: Work, signal: AbortSignal): Promise<void> {
  try {
    await follow(work, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
    places.set(work.id, START);
    change(work.id, { progress: NOT_BEGUN });
    await follow({ ...work, progress: NOT_BEGUN }, signal);
  }
}

async function follow(work: Work, signal: AbortSignal): Promise<void> {
  let progress = work.progress;
  change(work.id, { state: "sent" });
  for await (const event of eventsOf(work, signal)) {
    const [next, picture] = afterEvent(progress, event.data);
    progress = next;
    if (picture !== null) await keep(keptOf(work, picture));
    signal.throwIfAborted();
    change(work.id, { progress });
    const place = places.get(work.id);
    if (place !== null && event.id !== null) places.set(work.id, { ...place, lastEventId: event.id });
  }
}

async function* eventsOf(work: Work, signal: AbortSignal): ReturnType<typeof openStream> {
  const options: StreamOptions = {
    signal,
    onStart(jobId) {
      places.set(work.id, { jobId, lastEventId: 0 });
      void watchQueue(work.id, jobId, signal);
    },
    onInterrupted: (interrupted) => change(work.id, { state: interrupted ? "interrupted" : "sent" }),
  };
  const { jobId, lastEventId } = places.get(work.id) ?? START;
  if (jobId !== null) {
    void watchQueue(work.id, jobId, signal);
    yield* resumeStream({ jobId, lastEventId }, options);
    return;
  }
  const { path, body } = requestOf(work);
  for (;;) {
    try {
      yield* openStream(path, body, options);
      return;
    } catch (error) {
      if (!(error instanceof OfflineError)) throw error;
      change(work.id, { state: "interrupted" });
      await whenOnline();
      signal.throwIfAborted();
    }
  }
}

/** Show the place in the queue until the first step. */
async function watchQueue(id: string, jobId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const now = works.value.find((work) => work.id === id);
    if (signal.aborted || now === undefined || now.progress.steps > 0) return;
    const position = await queuePosition(jobId);
    const then = works.value.find((work) => work.id === id);
    if (position !== null && then?.progress.steps === 0) change(id, { progress: { ...then.progress, position } });
    await pause(POLL_MS);
  }
}

function keptOf(work: Work, picture: FinishedPicture) {
  const { index, base64, seed, width, height } = picture;
  return {
    id: `${work.id}-${index}`,
    created: work.created + index,
    png: blobOfBase64(base64, "image/png"),
    width,
    height,
    settings: { ...work.settings, seed, count: 1, width, height },
    hasInput: work.input !== null,
  };
}

function begun(ordered: WaitingPictures): Work {
  return { ...ordered, state: "waiting", progress: NOT_BEGUN, error: null };
}

function change(id: string, changes: Partial<Work>): void {
  works.value = works.value.map((work) => (work.id === id ? { ...work, ...changes } : work));
}

async function remember(ordered: WaitingPictures): Promise<void> {
  try {
    await (await mediaDatabase()).put("orders", ordered);
  } catch (error) {
    console.info("this browser does not keep orders over a reload", error);
  }
}

async function finish(id: string): Promise<void> {
  works.value = works.value.filter((work) => work.id !== id);
  places.delete(id);
  try {
    await (await mediaDatabase()).delete("orders", id);
  } catch (error) {
    console.info("the order was not kept", error);
  }
}
