/** Asks the server again and again while the page is visible. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { requestJson } from "../api/client";
import { whenOnline } from "../api/connection";
import { ApiError, isAbort, OfflineError } from "../api/errors";

export interface Polled<Shape> {
  /** The last answer; null before the first one. */
  readonly data: Shape | null;
  /** What the server refused, until it answers again. */
  readonly error: string | null;
  /** Ask now. */
  readonly refresh: () => Promise<void>;
}

/** The answer of `path`, kept up to date. */
export function usePolled<Shape>(path: string, everyMs: number): Polled<Shape> {
  const [data, setData] = useState<Shape | null>(null);
  const [error, setError] = useState<string | null>(null);
  const refresh = useCallback(
    (signal?: AbortSignal) =>
      attempt(async () => {
        setData(await requestJson<Shape>(path, signal === undefined ? {} : { signal }));
        setError(null);
      }, setError),
    [path],
  );
  useRepeated(refresh, everyMs, path);
  return { data, error, refresh: () => refresh() };
}

/** Call `ask` at once and then every so often, one after the other, never while the page is hidden; anew for another `of`. */
export function useRepeated(ask: (signal: AbortSignal) => Promise<void>, everyMs: number, of = ""): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    const end = new AbortController();
    void repeat((signal) => latest.current(signal), everyMs, end.signal);
    return () => end.abort();
  }, [everyMs, of]);
}

/** Do something that asks the server; tells what it refused. */
export async function attempt(action: () => Promise<void>, tell: (message: string) => void): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (isAbort(error) || error instanceof OfflineError) return; // the view is gone, or the banner says so
    if (!(error instanceof ApiError)) throw error;
    tell(error.message);
  }
}

async function repeat(ask: (signal: AbortSignal) => Promise<void>, everyMs: number, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    if (document.hidden) await untilVisible(end);
    await whenOnline();
    if (end.aborted) return;
    await ask(end);
    await pause(everyMs, end);
  }
}

function pause(ms: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    end.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

function untilVisible(end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !end.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    end.addEventListener("abort", look, { once: true });
  });
}
