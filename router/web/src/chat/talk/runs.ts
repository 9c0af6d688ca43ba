/** Answers that are coming, in any chat. They go on while another chat is shown. */
import { type Signal, signal } from "@preact/signals";

import { requestJson } from "../../api/client";
import { pause, whenOnline } from "../../api/connection";
import { ApiError, isStreamGone, OfflineError } from "../../api/errors";
import type { ServerEvent } from "../../api/events";
import { cancelJob, openStream, resumeStream, type StreamOptions } from "../../api/stream";
import { giveUp } from "../../media/jobs";
import { forget, remember } from "../../ui/remembered";
import { toast } from "../../ui/toast";
import { keepAnswer, receives, showMessages, writeMessages } from "../store/store";
import { hasContent } from "../store/tree";
import type { AnswerMessage, AnswerState } from "../store/types";
import { RECEIVING } from "../receiving";
import { type Chunk, endedTimes, withChunk } from "./chunk";

const KEEP_MS = 1000;
const SHOW_MS = 40;
const POSITION_MS = 1000;

/** One answer that is coming. */
export interface Run {
  readonly answer: Signal<AnswerMessage>;
  /** Its place in the server's queue; null if it does not wait. */
  readonly position: Signal<number | null>;
  /** Whether other streams of this browser come first. */
  readonly behind: Signal<boolean>;
  /** Whether the connection was lost. */
  readonly interrupted: Signal<boolean>;
}

interface OwnRun extends Run {
  readonly abort: AbortController;
  readonly release: () => void;
  /** The answer with all that has come; `answer` follows it some times a second. */
  latest: AnswerMessage;
  stopping: boolean;
  /** Whether its end could not be written: what is kept of it looks as if it were still to be received. */
  unkept: boolean;
  keptAt: number;
  showing: boolean;
}

export const runs = signal<ReadonlyMap<string, Run>>(new Map());
/** The answer that has ended last, for screen readers. */
export const lastEnded = signal<AnswerMessage | null>(null);

const own = new Map<string, OwnRun>();

type Open = (options: StreamOptions) => AsyncGenerator<ServerEvent>;

/**
 * Ask for an answer, and receive it up to its end.
 *
 * @param store writes the answer and what else is new; other tabs then know already that it is received here.
 * @returns once it is stored; the answer comes later.
 */
export async function startRun(answer: AnswerMessage, body: unknown, store: () => Promise<unknown>): Promise<void> {
  const run = begin(answer);
  try {
    await store();
  } catch (error) {
    end(run);
    throw error;
  }
  void receive(run, (options) => openStream("v1/chat/completions", body, options));
}

/** Receive the rest of an answer that a page before this one has begun. */
export async function resumeRun(answer: AnswerMessage): Promise<void> {
  const { place } = answer;
  if (place === null) {
    await writeMessages(answer.chat, [{ ...answer, state: "interrupted" }]);
    return;
  }
  const late = { ...answer, times: { ...answer.times, gap: true } };
  await receive(begin(late), (options) => resumeStream(place, options));
}

/** Stop an answer: what has come is kept. */
export async function stopRun(id: string): Promise<void> {
  const run = own.get(id);
  if (run === undefined || run.stopping) return;
  run.stopping = true;
  const { place } = run.latest;
  if (place !== null) await cancel(run, place.jobId);
  else if (run.interrupted.value || run.behind.value) run.abort.abort();
  // else it is cancelled as soon as its job is known
}

/** Stop all answers of a chat, as when it is deleted. */
export function stopChat(chat: string): void {
  for (const run of own.values()) if (run.latest.chat === chat) void stopRun(run.latest.id);
}

/** Write what has come of all answers, as before the page is left. */
export function keepAll(): void {
  for (const run of own.values()) void keep(run);
}

function begin(answer: AnswerMessage): OwnRun {
  const run: OwnRun = {
    answer: signal(answer),
    position: signal(null),
    behind: signal(false),
    interrupted: signal(false),
    abort: new AbortController(),
    release: receives(answer.id),
    latest: answer,
    stopping: false,
    unkept: false,
    keptAt: 0,
    showing: false,
  };
  own.set(answer.id, run);
  publish();
  return run;
}

function end(run: OwnRun): void {
  if (!run.unkept) run.release();
  own.delete(run.latest.id);
  publish();
}

function publish(): void {
  runs.value = new Map(own);
  if (own.size > 0) remember(RECEIVING, "yes");
  else forget(RECEIVING);
}

async function receive(run: OwnRun, open: Open): Promise<void> {
  try {
    const left = await untilEnd(run, open);
    if (left) await finish(run, left.state, left.error);
  } finally {
    end(run);
  }
}

interface End {
  readonly state: AnswerState;
  readonly error: string | null;
}

/** How the answer has ended; null if another tab has taken it over. */
async function untilEnd(run: OwnRun, open: Open): Promise<End | null> {
  const options = optionsOf(run);
  for (;;) {
    try {
      for await (const event of open(options)) take(run, event);
      return { state: run.latest.finish === null ? "interrupted" : "done", error: null };
    } catch (error) {
      if (run.stopping) return { state: "stopped", error: null };
      if (error instanceof OfflineError && run.latest.place === null) {
        run.interrupted.value = true;
        if (await backOnline(run)) continue;
        return { state: "stopped", error: null };
      }
      if (!(error instanceof ApiError)) return unreadable(error);
      if (error.code === "taken_over") return null;
      return failed(run, error);
    }
  }
}

/** Wait until the server can be reached; false if the answer was stopped before. */
async function backOnline(run: OwnRun): Promise<boolean> {
  try {
    await whenOnline(run.abort.signal);
    return !run.stopping;
  } catch {
    return false; // given up
  }
}

function failed(run: OwnRun, error: ApiError): End {
  if (error.code === "cancelled") return { state: "stopped", error: null };
  return run.latest.place !== null && isStreamGone(error)
    ? { state: "interrupted", error: null }
    : { state: "failed", error: error.message };
}

/** What came is no event of this server: to ask for it again would bring the same. */
function unreadable(error: unknown): End {
  console.error("an answer cannot be read", error);
  return { state: "failed", error: error instanceof Error ? error.message : String(error) };
}

function optionsOf(run: OwnRun): StreamOptions {
  return {
    signal: run.abort.signal,
    onTurn: (waits) => (run.behind.value = waits),
    onStart(jobId) {
      run.interrupted.value = false;
      run.latest = { ...run.latest, place: { jobId, lastEventId: 0 } };
      void keep(run);
      if (run.stopping) void cancel(run, jobId);
      else void watchQueue(run, jobId);
    },
    onInterrupted(interrupted) {
      run.interrupted.value = interrupted;
      if (interrupted) run.latest = { ...run.latest, times: { ...run.latest.times, gap: true } };
    },
  };
}

function take(run: OwnRun, event: ServerEvent): void {
  const { place } = run.latest;
  const added = withChunk(run.latest, JSON.parse(event.data) as Chunk, Date.now());
  run.latest = place === null || event.id === null ? added : { ...added, place: { ...place, lastEventId: event.id } };
  run.position.value = null;
  show(run);
  if (Date.now() - run.keptAt >= KEEP_MS) void keep(run);
}

function show(run: OwnRun): void {
  if (run.showing) return;
  run.showing = true;
  setTimeout(() => {
    run.showing = false;
    run.answer.value = run.latest;
  }, SHOW_MS);
}

async function keep(run: OwnRun): Promise<void> {
  run.keptAt = Date.now();
  try {
    const isThere = await keepAnswer(run.latest);
    if (!isThere) await stopRun(run.latest.id); // its chat was deleted
  } catch (error) {
    told(error);
  }
}

async function finish(run: OwnRun, state: AnswerState, error: string | null): Promise<void> {
  const { latest } = run;
  const ended = { ...latest, state, error, place: null, times: endedTimes(latest.times, Date.now()) };
  run.latest = ended;
  run.answer.value = ended;
  try {
    await writeMessages(ended.chat, [ended], (chat) => ({ ...chat, changed: Date.now() }));
  } catch (problem) {
    told(problem);
    showMessages(ended.chat, [ended]);
    run.unkept = true;
  }
  if (hasContent(ended) || error !== null) lastEnded.value = ended;
}

async function cancel(run: OwnRun, jobId: string): Promise<void> {
  try {
    await cancelJob(jobId);
  } catch (error) {
    if (!(error instanceof OfflineError)) throw error;
    void whenOnline().then(() => giveUp(jobId));
  }
  run.abort.abort();
}

/** Ask for the place in the queue until the first token. */
async function watchQueue(run: OwnRun, jobId: string): Promise<void> {
  for (;;) {
    await pause(POSITION_MS);
    if (!own.has(run.latest.id) || run.latest.times.first !== null) break;
    try {
      const path = `v1/jobs/${encodeURIComponent(jobId)}`;
      run.position.value = (await requestJson<{ position: number | null }>(path, { quiet: true })).position;
    } catch (error) {
      if (error instanceof OfflineError) await whenOnline();
      else if (error instanceof ApiError)
        break; // it has ended
      else throw error;
    }
  }
  run.position.value = null;
}

let toldAt = 0;

function told(error: unknown): void {
  console.warn("a chat could not be kept", error);
  if (Date.now() - toldAt < 60_000) return;
  toldAt = Date.now();
  toast(error instanceof Error ? error.message : String(error));
}
