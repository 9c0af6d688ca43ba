/** Reading chats from a file. Whoever made it is not trusted: each value is checked, and gets a new id. */
import {
  type AnswerMessage,
  type AnswerState,
  ANSWER_STATES,
  type AttachedFile,
  type Call,
  type Chat,
  type Message,
} from "./types";
import {
  newId,
  NO_SETTINGS,
  noTimes,
  type Settings,
  THINKING,
  type Times,
  type Usage,
  type UserMessage,
} from "./types";
import { cut } from "./titles";

export const FORMAT = "nexa-chats";
export const FORMAT_VERSION = 1;
export const MAX_CHATS = 10_000;
export const MAX_MESSAGES = 100_000;
const MEDIA = {
  image: /^data:image\/(png|jpeg|webp|gif|bmp);base64,[A-Za-z0-9+/]+={0,2}$/,
  audio: /^data:(audio|video)\/[a-z0-9.+-]+;base64,[A-Za-z0-9+/]+={0,2}$/,
};

/** The file is not what it should be. */
export class ImportError extends Error {}

export interface Imported {
  readonly chats: readonly Chat[];
  readonly messages: readonly Message[];
}

type Fields = Readonly<Record<string, unknown>>;

/** The chats of an exported file, under new ids. */
export function checkedImport(text: string, now: number): Imported {
  const file = parsed(text);
  if (file["format"] !== FORMAT) throw new ImportError(`format: expected ${FORMAT}`);
  if (file["version"] !== FORMAT_VERSION) throw new ImportError(`version: expected ${FORMAT_VERSION}`);
  const all = list(file["chats"], "chats", MAX_CHATS);
  const found = all.map((chat, index) => checkedChat(chat, `chats.${index}`, now));
  const messages = found.flatMap((one) => one.messages);
  if (messages.length > MAX_MESSAGES) throw new ImportError(`chats: expected at most ${MAX_MESSAGES} messages`);
  return { chats: found.map((one) => one.chat), messages };
}

function checkedChat(value: unknown, at: string, now: number): { chat: Chat; messages: Message[] } {
  const fields = object(value, at);
  const id = newId();
  const given = list(fields["messages"], `${at}.messages`, MAX_MESSAGES).map((one, index) =>
    object(one, `${at}.messages.${index}`),
  );
  const ids = new Map<string, string>();
  for (const [index, message] of given.entries()) {
    const old = text(message["id"], `${at}.messages.${index}.id`);
    if (ids.has(old)) throw new ImportError(`${at}.messages.${index}.id: expected one that no other has`);
    ids.set(old, newId());
  }
  const messages = given.map((message, index) => checkedMessage(message, `${at}.messages.${index}`, id, ids, now));
  refuseCircles(messages, at);
  const tip = typeof fields["tip"] === "string" ? (ids.get(fields["tip"]) ?? null) : null;
  const chat: Chat = {
    id,
    title: cut(text(fields["title"], `${at}.title`)),
    created: time(fields["created"], now),
    changed: time(fields["changed"], now),
    pinned: fields["pinned"] === true,
    model: typeof fields["model"] === "string" ? fields["model"] : null,
    settings: checkedSettings(fields["settings"]),
    tip,
  };
  return { chat, messages };
}

function checkedMessage(
  fields: Fields,
  at: string,
  chat: string,
  ids: ReadonlyMap<string, string>,
  now: number,
): Message {
  const node = {
    id: ids.get(text(fields["id"], `${at}.id`)) ?? newId(),
    chat,
    parent: parentOf(fields["parent"], ids, at),
    created: time(fields["created"], now),
    text: text(fields["text"], `${at}.text`),
  };
  if (fields["role"] === "user")
    return { ...node, role: "user", files: filesOf(fields["files"], at) } satisfies UserMessage;
  if (fields["role"] !== "assistant") throw new ImportError(`${at}.role: expected user or assistant`);
  const state = ANSWER_STATES.find((known) => known === fields["state"]);
  if (state === undefined) throw new ImportError(`${at}.state: expected one of ${ANSWER_STATES.join(", ")}`);
  return {
    ...node,
    role: "assistant",
    model: text(fields["model"], `${at}.model`),
    state: ended(state),
    thought: text(fields["thought"], `${at}.thought`),
    calls: list(fields["calls"], `${at}.calls`, 128).map((call, index) => checkedCall(call, `${at}.calls.${index}`)),
    finish: textOrNull(fields["finish"]),
    error: textOrNull(fields["error"]),
    usage: usageOf(fields["usage"]),
    times: timesOf(fields["times"], node.created),
    place: null, // a stream belongs to the browser that has begun it
  } satisfies AnswerMessage;
}

function ended(state: AnswerState): AnswerState {
  return state === "streaming" ? "interrupted" : state;
}

function parentOf(value: unknown, ids: ReadonlyMap<string, string>, at: string): string | null {
  if (value === null) return null;
  const parent = ids.get(text(value, `${at}.parent`));
  if (parent === undefined) throw new ImportError(`${at}.parent: expected a message of the same chat`);
  return parent;
}

function refuseCircles(messages: readonly Message[], at: string): void {
  const parents = new Map(messages.map((message) => [message.id, message.parent]));
  const safe = new Set<string>();
  for (const message of messages) {
    const walked = new Set<string>();
    for (let id: string | null = message.id; id !== null && !safe.has(id); id = parents.get(id) ?? null) {
      if (walked.has(id)) throw new ImportError(`${at}.messages: expected a tree, got a circle`);
      walked.add(id);
    }
    for (const id of walked) safe.add(id);
  }
}

function filesOf(value: unknown, at: string): AttachedFile[] {
  return list(value ?? [], `${at}.files`, 100).map((one, index): AttachedFile => {
    const where = `${at}.files.${index}`;
    const fields = object(one, where);
    const name = cut(text(fields["name"], `${where}.name`));
    if (fields["kind"] === "text") return { kind: "text", name, text: text(fields["text"], `${where}.text`) };
    const url = text(fields["url"], `${where}.url`);
    const kind = fields["kind"];
    if ((kind !== "image" && kind !== "audio") || !MEDIA[kind].test(url))
      throw new ImportError(`${where}: expected a text, a picture or a recording`);
    return { kind, name, url };
  });
}

function checkedCall(value: unknown, at: string): Call {
  const fields = object(value, at);
  return {
    id: text(fields["id"], `${at}.id`),
    name: text(fields["name"], `${at}.name`),
    args: text(fields["args"], `${at}.args`),
    result: textOrNull(fields["result"]),
  };
}

/** Settings of which all that is not as it should be is left to the server. */
export function checkedSettings(value: unknown): Settings {
  if (typeof value !== "object" || value === null) return NO_SETTINGS;
  const fields = value as Fields;
  return {
    system: typeof fields["system"] === "string" ? fields["system"] : "",
    temperature: number(fields["temperature"], 0, 5),
    topP: number(fields["topP"], 0, 1),
    maxTokens: whole(fields["maxTokens"], 1),
    seed: whole(fields["seed"], 0),
    thinking: THINKING.find((known) => known === fields["thinking"]) ?? null,
    tools: typeof fields["tools"] === "string" ? fields["tools"] : "",
  };
}

function usageOf(value: unknown): Usage | null {
  if (typeof value !== "object" || value === null) return null;
  const fields = value as Fields;
  const [prompt, cached] = [whole(fields["prompt"], 0), whole(fields["cached"], 0)];
  const [answer, thought] = [whole(fields["answer"], 0), whole(fields["thought"], 0)];
  if (prompt === null || cached === null || answer === null || thought === null) return null;
  return { prompt, cached, answer, thought };
}

function timesOf(value: unknown, created: number): Times {
  if (typeof value !== "object" || value === null) return noTimes(created);
  const fields = value as Fields;
  return {
    sent: time(fields["sent"], created),
    first: whole(fields["first"], 0),
    last: whole(fields["last"], 0),
    thoughtFrom: whole(fields["thoughtFrom"], 0),
    thoughtTo: whole(fields["thoughtTo"], 0),
    pieces: whole(fields["pieces"], 0) ?? 0,
    gap: fields["gap"] !== false,
  };
}

function parsed(text: string): Fields {
  try {
    return object(JSON.parse(text), "file");
  } catch (error) {
    if (error instanceof SyntaxError) throw new ImportError("file: expected JSON");
    throw error;
  }
}

function object(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ImportError(`${at}: expected an object`);
  return value as Fields;
}

function list(value: unknown, at: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new ImportError(`${at}: expected a list`);
  if (value.length > max) throw new ImportError(`${at}: expected at most ${max}, got ${value.length}`);
  return value as readonly unknown[];
}

function text(value: unknown, at: string): string {
  if (typeof value !== "string") throw new ImportError(`${at}: expected a text`);
  return value;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown, min: number, max: number): number | null {
  return typeof value === "number" && value >= min && value <= max ? value : null;
}

function whole(value: unknown, min: number): number | null {
  return Number.isSafeInteger(value) && (value as number) >= min ? (value as number) : null;
}

/** A time that is not in the future. */
function time(value: unknown, now: number): number {
  const given = number(value, 0, now);
  return given ?? now;
}
