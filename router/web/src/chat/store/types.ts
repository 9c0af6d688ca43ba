/** What the browser keeps: chats, and the messages of each as a tree. */
import type { StreamPlace } from "../../api/stream";

export interface Chat {
  readonly id: string;
  readonly title: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly created: number;
  readonly changed: number;
  readonly pinned: boolean;
  /** The model that was chosen; null for the server's first. */
  readonly model: string | null;
  readonly settings: Settings;
  /** The last message of the branch that is shown. */
  readonly tip: string | null;
}

/** What goes with each request of a chat; null leaves it to the server. */
export interface Settings {
  readonly system: string;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxTokens: number | null;
  readonly seed: number | null;
  readonly thinking: Thinking | null;
  /** Functions that the model may call: a JSON list in OpenAI's form, or nothing. */
  readonly tools: string;
}

export const THINKING = ["none", "low", "medium", "high"] as const;
export type Thinking = (typeof THINKING)[number];

export const NO_SETTINGS: Settings = {
  system: "",
  temperature: null,
  topP: null,
  maxTokens: null,
  seed: null,
  thinking: null,
  tools: "",
};

export type Message = UserMessage | AnswerMessage;

interface Node {
  readonly id: string;
  readonly chat: string;
  /** The message that this one follows; null at the beginning. */
  readonly parent: string | null;
  readonly created: number;
  readonly text: string;
}

export interface UserMessage extends Node {
  readonly role: "user";
  readonly files: readonly AttachedFile[];
}

export type AttachedFile = { readonly kind: "text"; readonly name: string; readonly text: string } | AttachedMedium;

/** A picture or a recording. `url` is a data URL. */
export interface AttachedMedium {
  readonly kind: MediumKind;
  readonly name: string;
  readonly url: string;
}

export type MediumKind = "image" | "audio";

export const ANSWER_STATES = ["streaming", "done", "stopped", "failed", "interrupted"] as const;
export type AnswerState = (typeof ANSWER_STATES)[number];

export interface AnswerMessage extends Node {
  readonly role: "assistant";
  readonly model: string;
  readonly state: AnswerState;
  readonly thought: string;
  readonly calls: readonly Call[];
  /** OpenAI's word for why it ended. */
  readonly finish: string | null;
  readonly error: string | null;
  readonly usage: Usage | null;
  readonly times: Times;
  /** Where its stream goes on, while it is streaming. */
  readonly place: StreamPlace | null;
}

export interface Call {
  readonly id: string;
  readonly name: string;
  readonly args: string;
  /** What the function gave; null until it is known. */
  readonly result: string | null;
}

export interface Usage {
  readonly prompt: number;
  readonly cached: number;
  readonly answer: number;
  readonly thought: number;
}

export interface Times {
  readonly sent: number;
  /** When the first and the last token came. */
  readonly first: number | null;
  readonly last: number | null;
  /** When the thought began and ended. */
  readonly thoughtFrom: number | null;
  readonly thoughtTo: number | null;
  /** How many pieces have come. */
  readonly pieces: number;
  /** Whether some came late: after a pause of the connection or the page. Speeds are then unknown. */
  readonly gap: boolean;
}

export function noTimes(sent: number): Times {
  return { sent, first: null, last: null, thoughtFrom: null, thoughtTo: null, pieces: 0, gap: false };
}

/** An id that no other has; it needs no secure origin. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
