/** An error object of the server. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly param: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The server cannot be reached. */
export class OfflineError extends Error {
  constructor(cause?: unknown) {
    super("the server cannot be reached", { cause });
    this.name = "OfflineError";
  }
}

/** What went wrong, from the body of an answer or of an `error` event. */
export function errorOf(status: number, body: unknown, retryAfter: string | null = null): ApiError {
  const error = record(record(body)?.["error"]) ?? {};
  const message = typeof error["message"] === "string" ? error["message"] : `the server answered ${status}`;
  const seconds = retryAfter === null ? null : Number(retryAfter);
  return new ApiError(status, message, text(error["code"]), text(error["param"]), seconds);
}

/** Whether `error` says that the server no longer has a stream: it was restarted, or nobody read the stream for long. */
export function isStreamGone(error: unknown): boolean {
  return error instanceof ApiError && (error.code === "job_not_found" || error.code === "events_dropped");
}

/** Whether `error` only says that its request was given up. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
