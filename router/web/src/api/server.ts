/** What the server is and can do, kept up to date while the page is visible. */
import { computed, signal } from "@preact/signals";

import { requestJson } from "./client";
import { pause } from "./connection";
import { ApiError, OfflineError } from "./errors";
import { keyDeclined } from "./key";

export interface ServedModel {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly kinds: readonly string[];
  /** What a chat may hold: `text`, and `image` and `audio` where it sees and hears. */
  readonly inputs: readonly string[];
  /** What it gives: `text`, `image`, `audio`, `vector`, `score`. */
  readonly outputs: readonly string[];
  /** Whether it may think before it answers a chat; false until it is loaded. */
  readonly thinks: boolean;
  readonly state: string;
  /** 0 to 1 while it loads, where the engine knows it. */
  readonly progress: number | null;
  readonly detail: string;
  /** `start` if it is always loaded, else `demand`. */
  readonly load: string;
  readonly context_length: number | null;
  readonly max_image_side: number | null;
  /** Whether it turns speech of other languages into English. */
  readonly translates: boolean;
  readonly workers: number;
  readonly ready_workers: number;
  readonly slots: number;
  readonly running: number;
  readonly waiting: number;
  readonly tokens_per_s: number;
}

/** The jobs of a user with a model. */
export interface Queue {
  readonly user: string;
  readonly model: string;
  readonly running: number;
  readonly waiting: number;
}

export interface ServerState {
  readonly version: string;
  readonly started: number;
  readonly caller: {
    readonly key: string | null;
    readonly user: string;
    readonly operator: boolean;
    /** Whether this page may give orders. */
    readonly control: boolean;
  };
  readonly needs_key: boolean;
  readonly https: boolean;
  readonly ca: boolean;
  readonly models: readonly ServedModel[];
  readonly queues: readonly Queue[];
  readonly limits: Readonly<Record<string, number | null>>;
}

const POLL_MS = 2000;

/** The last answer of `GET /v1/server`; null before the first one. */
export const server = signal<ServerState | null>(null);
export const serverError = signal<string | null>(null);

/** The served models of a kind. */
export function modelsOf(kind: string): readonly ServedModel[] {
  return server.value?.models.filter((model) => model.kinds.includes(kind)) ?? [];
}

export const isOperator = computed(() => server.value?.caller.operator ?? false);

/** Ask once. */
export async function refreshServer(): Promise<void> {
  try {
    server.value = checked(await requestJson<ServerState | null>("v1/server", { quiet: keyDeclined.value }));
    serverError.value = null;
  } catch (error) {
    if (error instanceof OfflineError) return; // the banner says so
    if (!(error instanceof ApiError)) throw error;
    serverError.value = error.message;
  }
}

/** JSON of something else, such as a proxy, is no state of a server. */
function checked(state: ServerState | null): ServerState {
  if (Array.isArray(state?.models)) return state as ServerState;
  throw new ApiError(200, "v1/server: expected the server's state, got something else");
}

/** Ask again and again while the page is visible; never returns. */
export async function keepServerFresh(): Promise<never> {
  for (;;) {
    if (!document.hidden) await refreshServer();
    await pause(POLL_MS);
  }
}
