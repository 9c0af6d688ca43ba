/** Streams that outlive their connection: after a loss they go on where they were, also in a page that was reloaded. */
import { lost, pause, RETRY_MS, whenOnline } from "./connection";
import { request } from "./client";
import { ApiError, errorOf, isAbort, OfflineError } from "./errors";
import { readEvents, type ServerEvent } from "./events";
import { takeTurn } from "./turns";

/** Where a reader is in a stream. It is all that is needed to read on. */
export interface StreamPlace {
  readonly jobId: string;
  readonly lastEventId: number;
}

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Called when the stream waits for others of this browser, and when its turn has come. */
  readonly onTurn?: (waits: boolean) => void;
  /** Called with the job's id as soon as the server has accepted it. */
  readonly onStart?: (jobId: string) => void;
  /** Called when the connection was lost, and when the stream goes on. */
  readonly onInterrupted?: (interrupted: boolean) => void;
}

export const DONE = "[DONE]";

/**
 * The events of a new job, without the last `[DONE]`.
 *
 * @param body the request, with `stream: true`, or a form with that field.
 * @throws ApiError what the server refused, or its `error` event.
 */
export async function* openStream(
  path: string,
  body: unknown,
  options: StreamOptions = {},
): AsyncGenerator<ServerEvent> {
  const endTurn = await turn(options);
  try {
    const answer = await request(path, { body, headers: { "X-Resumable": "true" }, ...signalOf(options) });
    const jobId = answer.headers.get("X-Job-Id");
    if (jobId === null) throw new ApiError(answer.status, "X-Job-Id: expected the job's id in the answer, got none");
    options.onStart?.(jobId);
    yield* follow({ jobId, lastEventId: 0 }, answer, options);
  } finally {
    endTurn();
  }
}

/** The events of a job after `place`, without the last `[DONE]`. */
export async function* resumeStream(place: StreamPlace, options: StreamOptions = {}): AsyncGenerator<ServerEvent> {
  const endTurn = await turn(options);
  try {
    yield* follow(place, null, options);
  } finally {
    endTurn();
  }
}

/** Stop a job on the server. One that has ended is forgotten there. */
export async function cancelJob(jobId: string): Promise<void> {
  try {
    await request(`v1/jobs/${encodeURIComponent(jobId)}`, { method: "DELETE", quiet: true });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return; // it is gone already
    throw error;
  }
}

async function turn({ signal, onTurn }: StreamOptions): Promise<() => void> {
  onTurn?.(true);
  const endTurn = await takeTurn(signal);
  onTurn?.(false);
  return endTurn;
}

async function* follow(
  place: StreamPlace,
  first: Response | null,
  options: StreamOptions,
): AsyncGenerator<ServerEvent> {
  let { lastEventId } = place;
  let answer = first;
  for (;;) {
    const before = lastEventId;
    try {
      answer ??= await readOn(place.jobId, lastEventId, options);
      if (answer.status === 204) return; // it has ended, and everything was received
      options.onInterrupted?.(false);
      for await (const event of readEvents(answer)) {
        if (event.data === DONE) return;
        if (event.name === "error") throw errorOf(500, JSON.parse(event.data));
        yield event;
        lastEventId = event.id ?? lastEventId;
      }
      if (lastEventId === before) await pause(RETRY_MS); // what cuts streams at once is not asked all the time
    } catch (error) {
      if (error instanceof ApiError || isAbort(error)) throw error;
      options.signal?.throwIfAborted();
      if (!(error instanceof OfflineError) && !(error instanceof TypeError)) throw error;
      lost();
      options.onInterrupted?.(true);
      await whenOnline(options.signal);
    }
    answer = null;
  }
}

function readOn(jobId: string, lastEventId: number, options: StreamOptions): Promise<Response> {
  const headers = { "Last-Event-ID": String(lastEventId) };
  return request(`v1/jobs/${encodeURIComponent(jobId)}/events`, { headers, ...signalOf(options) });
}

function signalOf(options: StreamOptions): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}
