/** The messages of a chat as a tree: branches come from edited questions and from further answers. */
import type { AnswerMessage, Message } from "./types";

export type Messages = ReadonlyMap<string, Message>;

/** The branch that ends with `tip`, oldest message first. */
export function branch(messages: Messages, tip: string | null): Message[] {
  const found: Message[] = [];
  const seen = new Set<string>();
  for (let id = tip; id !== null && !seen.has(id); ) {
    const message = messages.get(id);
    if (message === undefined) break;
    seen.add(id);
    found.push(message);
    id = message.parent;
  }
  return found.reverse();
}

/** The messages that follow `parent`, oldest first. */
export function children(messages: Messages, parent: string | null): readonly Message[] {
  let byParent = followers.get(messages);
  if (byParent === undefined) {
    byParent = followersOf(messages);
    followers.set(messages, byParent);
  }
  return byParent.get(parent) ?? [];
}

/** Each message of a long chat asks for its alternatives. */
const followers = new WeakMap<Messages, ReadonlyMap<string | null, readonly Message[]>>();

function followersOf(messages: Messages): Map<string | null, Message[]> {
  const found = new Map<string | null, Message[]>();
  for (const message of messages.values()) {
    const siblings = found.get(message.parent);
    if (siblings === undefined) found.set(message.parent, [message]);
    else siblings.push(message);
  }
  for (const siblings of found.values()) siblings.sort(byAge);
  return found;
}

/** A message and its alternatives, oldest first. */
export function alternatives(messages: Messages, message: Message): readonly Message[] {
  return children(messages, message.parent);
}

/** The newest end of all branches that go through `id`. */
export function newestEnd(messages: Messages, id: string): string {
  const seen = new Set<string>();
  let end = id;
  for (;;) {
    seen.add(end);
    const next = children(messages, end).at(-1);
    if (next === undefined || seen.has(next.id)) return end;
    end = next.id;
  }
}

/** The end that a chat shows if its tip is unknown. */
export function anyEnd(messages: Messages): string | null {
  const root = children(messages, null).at(-1);
  return root === undefined ? null : newestEnd(messages, root.id);
}

/** Whether an answer has said, thought or called anything. */
export function hasContent(answer: AnswerMessage): boolean {
  return answer.text !== "" || answer.thought !== "" || answer.calls.length > 0;
}

/** How many pictures and recordings go with messages. */
export function mediaIn(messages: readonly Message[]): number {
  const files = messages.flatMap((message) => (message.role === "user" ? message.files : []));
  return files.filter(({ kind }) => kind !== "text").length;
}

function byAge(one: Message, other: Message): number {
  return one.created - other.created || (one.id < other.id ? -1 : 1);
}
