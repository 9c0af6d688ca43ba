/** The chats as the page shows them, and all changes to them. */
import { signal } from "@preact/signals";

import { checkedSettings } from "./checked";
import { ChatDatabase, type Chats } from "./database";
import { ChatMemory } from "./memory";
import { Tabs } from "./tabs";
import { anyEnd, type Messages, newestEnd } from "./tree";
import { type AnswerMessage, type Chat, type Message, NO_SETTINGS, type Settings } from "./types";

export interface OpenChat {
  readonly chat: Chat;
  readonly messages: Messages;
}

/** All chats, in no order; null until they are read. */
export const chats = signal<readonly Chat[] | null>(null);
/** The chat that is shown; null for a new one. */
export const opened = signal<OpenChat | null>(null);
/** The chat that another tab has deleted while it was shown here. */
export const removedElsewhere = signal<string | null>(null);
/** What new chats begin with. */
export const defaults = signal<Settings>(NO_SETTINGS);
/** Why chats cannot be kept; null if they can. */
export const storeError = signal<string | null>(null);

const SETTINGS = "settings";
const receiving = new Set<string>();

let opening: Promise<Chats> | null = null;
let tabs: Tabs | null = null;
let wanted: string | null = null;

/** The database, opened at the first call; the page's memory where the browser keeps nothing. */
export function database(): Promise<Chats> {
  opening ??= ChatDatabase.open(undefined, () => (opening = null)).catch((error: unknown) => {
    storeError.value = error instanceof Error ? error.message : String(error);
    return new ChatMemory();
  });
  return opening;
}

/** Read the chats and listen to other tabs; once. */
export async function startStore(): Promise<void> {
  if (tabs !== null) return;
  tabs = new Tabs(
    "nexa-chats",
    (answer) => receiving.has(answer),
    (id) => void reread(id),
  );
  try {
    const found = await (await database()).value(SETTINGS);
    defaults.value = checkedSettings(found);
    await rereadList();
  } catch (error) {
    chats.value = [];
    storeError.value = error instanceof Error ? error.message : String(error);
  }
}

/** Show a chat; false if there is none with this id. */
export async function openChat(id: string | null): Promise<boolean> {
  wanted = id;
  if (id === null) {
    opened.value = null;
    return true;
  }
  const [chat, messages] = await readChat(id);
  if (wanted !== id) return true; // another one was chosen in the meantime
  if (chat === undefined) {
    opened.value = null;
    return false;
  }
  const map = new Map(messages.map((message) => [message.id, message]));
  const known = chat.tip !== null && map.has(chat.tip);
  opened.value = { chat: known ? chat : { ...chat, tip: anyEnd(map) }, messages: map };
  return true;
}

async function readChat(id: string): Promise<[Chat | undefined, Message[]]> {
  try {
    const base = await database();
    return await Promise.all([base.chat(id), base.messages(id)]);
  } catch (error) {
    console.warn("a chat cannot be read", error);
    return [undefined, []];
  }
}

/** Add a new chat with its first messages, and show it. */
export async function addChat(chat: Chat, messages: readonly Message[]): Promise<void> {
  await (await database()).add([chat], messages);
  wanted = chat.id;
  opened.value = { chat, messages: new Map(messages.map((message) => [message.id, message])) };
  await tell(chat.id);
}

/** Write messages, and change their chat along with them; false if it was deleted. */
export async function writeMessages(
  id: string,
  messages: readonly Message[],
  changed?: (chat: Chat) => Chat,
): Promise<boolean> {
  const written = await (await database()).write(id, messages, changed);
  if (written) showMessages(id, messages, changed);
  if (changed !== undefined) await rereadList();
  tabs?.tellChanged(id);
  return written;
}

/** Show messages of a chat, and its change, if it is the one that is shown. */
export function showMessages(id: string, messages: readonly Message[], changed?: (chat: Chat) => Chat): void {
  const shown = opened.value;
  if (shown?.chat.id !== id) return;
  const merged = new Map(shown.messages);
  for (const message of messages) merged.set(message.id, message);
  opened.value = { chat: changed === undefined ? shown.chat : changed(shown.chat), messages: merged };
}

/** Write what has come of an answer, which the page shows by other means; false if its chat was deleted. */
export async function keepAnswer(answer: AnswerMessage): Promise<boolean> {
  const written = await (await database()).write(answer.chat, [answer]);
  tabs?.tellChanged(answer.chat);
  return written;
}

export async function changeChat(id: string, changed: (chat: Chat) => Chat): Promise<void> {
  const after = await (await database()).changeChat(id, changed);
  const shown = opened.value;
  if (after !== null && shown?.chat.id === id) opened.value = { ...shown, chat: after };
  await tell(id);
}

/** Show the newest branch through a message. */
export async function showBranch(message: Message): Promise<void> {
  const shown = opened.value;
  if (shown?.chat.id !== message.chat) return;
  const tip = newestEnd(shown.messages, message.id);
  await changeChat(message.chat, (chat) => ({ ...chat, tip }));
}

/** Say what a call of an answer has given. */
export async function setCallResult(answer: AnswerMessage, callId: string, result: string): Promise<void> {
  const changed = (one: AnswerMessage): AnswerMessage => ({
    ...one,
    calls: one.calls.map((call) => (call.id === callId ? { ...call, result } : call)),
  });
  await (await database()).changeAnswer(answer.id, changed);
  await reread(answer.chat);
  tabs?.tellChanged(answer.chat);
}

export async function deleteChat(id: string): Promise<void> {
  await (await database()).deleteChat(id);
  if (opened.value?.chat.id === id) opened.value = null;
  await tell(id);
}

/** Add chats from a file. */
export async function readIn(read: {
  readonly chats: readonly Chat[];
  readonly messages: readonly Message[];
}): Promise<void> {
  await (await database()).add(read.chats, read.messages);
  await rereadList();
  for (const chat of read.chats) tabs?.tellChanged(chat.id);
}

export async function keepDefaults(settings: Settings): Promise<void> {
  defaults.value = settings;
  await (await database()).setValue(SETTINGS, settings);
}

/** Note that this tab receives an answer, until the function that is returned is called. */
export function receives(answer: string): () => void {
  receiving.add(answer);
  return () => receiving.delete(answer);
}

/** Answers that nobody receives although they have not ended: their page was closed or loaded again. */
export async function abandoned(): Promise<AnswerMessage[]> {
  const streaming = (await (await database()).streaming()).filter((answer) => !receiving.has(answer.id));
  const line = tabs;
  const taken = await Promise.all(streaming.map((answer) => line?.othersReceive(answer.id) ?? false));
  return streaming.filter((_, index) => !taken[index]);
}

/** Read again what another tab has changed. */
async function reread(id: string): Promise<void> {
  await rereadList();
  if (opened.value?.chat.id === id && !(await openChat(id))) removedElsewhere.value = id;
}

async function rereadList(): Promise<void> {
  const found = await (await database()).chats();
  const before = new Map(chats.value?.map((chat) => [chat.id, chat]));
  chats.value = found.map((chat) => unchanged(before.get(chat.id), chat) ?? chat);
}

/** `before` if it says the same: a long list shows only anew what has changed. */
function unchanged(before: Chat | undefined, after: Chat): Chat | null {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(after) ? before : null;
}

async function tell(id: string): Promise<void> {
  await rereadList();
  tabs?.tellChanged(id);
}
