/** Parts that are fetched when a text first needs them. */
import { type ReadonlySignal, signal } from "@preact/signals";

import { pause, whenOnline } from "../api/connection";

const RETRY_MS = 1500;
const MAX_TRIES = 5;

export interface OnDemand<Part> {
  /** Null until it is there. */
  readonly part: ReadonlySignal<Part | null>;
  /** Fetch it, once. */
  want(): void;
}

export function onDemand<Part>(fetchPart: () => Promise<Part>): OnDemand<Part> {
  const part = signal<Part | null>(null);
  let wanted = false;
  return {
    part,
    want() {
      if (wanted) return;
      wanted = true;
      void arrived(fetchPart).then(
        (fetched) => (part.value = fetched),
        (error: unknown) => {
          wanted = false; // the next text that needs it tries again
          console.warn("a part of the page was not loaded", error);
        },
      );
    },
  };
}

async function arrived<Part>(fetchPart: () => Promise<Part>): Promise<Part> {
  for (let tries = 1; ; tries++) {
    try {
      return await fetchPart();
    } catch (error) {
      if (tries === MAX_TRIES) throw error;
      await pause(RETRY_MS);
      await whenOnline();
    }
  }
}
