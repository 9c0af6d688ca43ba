/** Whether the server can be reached. While it cannot, it is asked again and again. */
import { signal } from "@preact/signals";

import { urlOf } from "./url";

export const RETRY_MS = 1500;

export const online = signal(true);

let back: Promise<void> | null = null;

/** Say that a request did not reach the server. */
export function lost(): void {
  online.value = false;
  back ??= untilBack();
}

/** Resolves once the server can be reached; rejects with an AbortError if given up before. */
export function whenOnline(signal?: AbortSignal): Promise<void> {
  const online = back ?? Promise.resolve();
  if (signal === undefined) return online;
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason as Error);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    void online.then(() => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    });
  });
}

async function untilBack(): Promise<void> {
  for (;;) {
    await pause(RETRY_MS);
    try {
      const answer = await fetch(urlOf("health"), { cache: "no-store" });
      if (answer.ok) break;
    } catch {
      // still away: asked again after the pause
    }
  }
  back = null;
  online.value = true;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
