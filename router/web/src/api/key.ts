/** The API key of this browser: asked for once, when the server wants one, and kept as long as the user says. */
import { signal } from "@preact/signals";

const NAME = "nexa.key";

export interface KeyQuestion {
  /** Whether a key was sent, and the server does not know it. */
  readonly wrong: boolean;
  answer(key: string | null, keep: boolean): void;
}

export const apiKey = signal<string | null>(stored());
export const keyQuestion = signal<KeyQuestion | null>(null);

/** Whether the user closed the question: from then on only what they do themselves asks again. */
export const keyDeclined = signal(false);

let asked: Promise<boolean> | null = null;

/** Ask the user for a key, once for all requests that need it; false if there is none. */
export function askForKey(refused: string | null): Promise<boolean> {
  if (apiKey.value !== refused) return Promise.resolve(true); // another one was given in the meantime
  asked ??= new Promise<boolean>((resolve) => {
    keyQuestion.value = {
      wrong: refused !== null,
      answer(key, keep) {
        keyQuestion.value = null;
        asked = null;
        keyDeclined.value = key === null;
        if (key !== null) keepKey(key, keep);
        resolve(key !== null);
      },
    };
  });
  return asked;
}

/** Use `key` from now on: in this tab, and if it is to be kept, in this browser. */
export function keepKey(key: string, keep: boolean): void {
  forgetKey();
  apiKey.value = key;
  attempt(() => (keep ? localStorage : sessionStorage).setItem(NAME, key));
}

export function forgetKey(): void {
  apiKey.value = null;
  attempt(() => localStorage.removeItem(NAME));
  attempt(() => sessionStorage.removeItem(NAME));
}

function stored(): string | null {
  let found: string | null = null;
  attempt(() => (found = sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME)));
  return found;
}

/** Browsers may forbid storage; the key then lasts as long as the page. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    console.warn("storage is not available", error);
  }
}
