/** Searching the titles and texts of all chats. */
import type { Chats } from "./database";
import type { Chat, Message } from "./types";

const BEFORE = 24;
const AFTER = 60;

export interface Found {
  readonly chat: Chat;
  /** The place in a message, with some words around it; null if the title has all words. */
  readonly snippet: string | null;
}

/** Chats whose title has all words of `query`, or has them together with one of its messages; newest first. */
export async function search(database: Chats, query: string): Promise<Found[]> {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  const chats = (await database.chats()).sort((one, other) => other.changed - one.changed);
  const missing = new Map(chats.map((chat) => [chat.id, words.filter((word) => !plain(chat.title).includes(word))]));
  const snippets = new Map<string, string>();
  await database.visit((message) => {
    if (snippets.has(message.chat)) return;
    const snippet = snippetOf(message, missing.get(message.chat) ?? []);
    if (snippet !== null) snippets.set(message.chat, snippet);
  });
  return chats.flatMap((chat): Found[] => {
    if (missing.get(chat.id)?.length === 0) return [{ chat, snippet: null }];
    const snippet = snippets.get(chat.id);
    return snippet === undefined ? [] : [{ chat, snippet }];
  });
}

export function wordsOf(query: string): string[] {
  return plain(query)
    .split(/\s+/)
    .filter((word) => word !== "");
}

/** Letters without case and accents, each text as long as before wherever that can be. */
export function plain(text: string): string {
  return Array.from(text, (letter) => {
    const bare = letter.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    return bare.length === letter.length ? bare : letter.toLowerCase();
  }).join("");
}

function snippetOf(message: Message, words: readonly string[]): string | null {
  if (words.length === 0) return null;
  const files = message.role === "user" ? message.files : [];
  const texts = [
    message.text,
    ...files.map((file) => (file.kind === "text" ? `${file.name} ${file.text}` : file.name)),
  ];
  const text = texts.join(" ").replace(/\s+/g, " ");
  if (!hasAll(text, words)) return null;
  const at = plain(text).indexOf(words[0] ?? "");
  const near = Math.max(0, at - BEFORE);
  const gap = text.indexOf(" ", near - 1);
  const from = near > 0 && gap !== -1 && gap < at ? gap + 1 : near; // no half word at the beginning
  const piece = text.slice(from, at + AFTER).trim();
  return `${from > 0 ? "… " : ""}${piece}${at + AFTER < text.length ? " …" : ""}`;
}

function hasAll(text: string, words: readonly string[]): boolean {
  const folded = plain(text);
  return words.every((word) => folded.includes(word));
}
