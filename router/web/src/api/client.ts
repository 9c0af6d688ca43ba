/** Requests to the server that served the page. */
import { lost } from "./connection";
import { ApiError, errorOf, isAbort, OfflineError } from "./errors";
import { apiKey, askForKey } from "./key";
import { urlOf } from "./url";

export interface RequestOptions {
  readonly method?: string;
  /** Sent as JSON, or as it is if it is a form. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Whether a missing key is an error, instead of a question to the user. */
  readonly quiet?: boolean;
}

/**
 * The answer to a request, if it is a success.
 *
 * @throws ApiError what the server refused; OfflineError if it, or what is behind its proxy, cannot be reached;
 * an AbortError if given up.
 */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  for (;;) {
    const key = apiKey.value;
    const answer = await reach(path, options, key);
    if (answer.ok) return answer;
    const body = await bodyOf(answer);
    if (isProxyAlone(answer, body, options)) {
      lost();
      throw new OfflineError();
    }
    const error = errorOf(answer.status, body, answer.headers.get("Retry-After"));
    if (error.status !== 401 || options.quiet || !(await askForKey(key))) throw error;
  }
}

/** The JSON of an answer. Its shape is the server's word: callers name the type that the API documents. */
export async function requestJson<Shape>(path: string, options: RequestOptions = {}): Promise<Shape> {
  const answer = await request(path, options);
  try {
    return (await answer.json()) as Shape;
  } catch (error) {
    if (isAbort(error)) throw error;
    if (error instanceof SyntaxError) throw new ApiError(answer.status, `${path}: expected JSON, got something else`);
    lost(); // it broke off
    throw new OfflineError(error);
  }
}

/** Whether a proxy says that it does not reach the server: where the server itself refuses, it has an error object. */
function isProxyAlone(answer: Response, body: unknown, options: RequestOptions): boolean {
  if (typeof body === "object" && body !== null && "error" in body) return false;
  // After 504 the server may be at work: what changes something is not sent again.
  return [502, 503].includes(answer.status) || (answer.status === 504 && options.body === undefined);
}

/** What a header can hold. A key with other characters is a wrong one, as the server says where it needs one. */
const CAN_BE_SENT = /^[\x20-\x7e]+$/;

async function reach(path: string, options: RequestOptions, key: string | null): Promise<Response> {
  const headers = new Headers(options.headers);
  if (key !== null && CAN_BE_SENT.test(key)) headers.set("Authorization", `Bearer ${key}`);
  const init: RequestInit = { method: options.method ?? (options.body === undefined ? "GET" : "POST"), headers };
  if (options.body instanceof FormData) {
    init.body = options.body;
  } else if (options.body !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(options.body);
  }
  if (options.signal !== undefined) init.signal = options.signal;
  try {
    return await fetch(urlOf(path), { ...init, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (isAbort(error)) throw error;
    lost();
    throw new OfflineError(error);
  }
}

async function bodyOf(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    return null; // a proxy's page, or a body that broke off: the status says what is known
  }
}
