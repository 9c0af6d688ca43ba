/** Requests to the server that served the page. */
import { lost } from "./connection";
import { errorOf, isAbort, OfflineError } from "./errors";
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
 * @throws ApiError what the server refused; OfflineError if it cannot be reached; an AbortError if given up.
 */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  for (;;) {
    const key = apiKey.value;
    const answer = await reach(path, options, key);
    if (answer.ok) return answer;
    const error = errorOf(answer.status, await bodyOf(answer), answer.headers.get("Retry-After"));
    if (error.status !== 401 || options.quiet || !(await askForKey(key))) throw error;
  }
}

/** The JSON of an answer. Its shape is the server's word: callers name the type that the API documents. */
export async function requestJson<Shape>(path: string, options: RequestOptions = {}): Promise<Shape> {
  return (await (await request(path, options)).json()) as Shape;
}

async function reach(path: string, options: RequestOptions, key: string | null): Promise<Response> {
  const headers = new Headers(options.headers);
  if (key !== null) headers.set("Authorization", `Bearer ${key}`);
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
