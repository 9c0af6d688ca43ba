/** Chats as files: JSON that can be read back, and Markdown for people. */
import { fenced } from "../files/fence";
import { FORMAT, FORMAT_VERSION } from "./checked";
import { branch, type Messages } from "./tree";
import type { AnswerMessage, Chat, Message, UserMessage } from "./types";

export interface ExportedWords {
  readonly you: string;
  readonly thought: string;
}

/** JSON of chats with all their branches. */
export function exportedJson(chats: readonly { readonly chat: Chat; readonly messages: readonly Message[] }[]): string {
  const all = chats.map(({ chat, messages }) => ({ ...chat, messages: messages.map(withoutPlace) }));
  return JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, chats: all }, null, 1);
}

/** The branch that a chat shows, as Markdown. */
export function exportedMarkdown(chat: Chat, messages: Messages, words: ExportedWords): string {
  const parts = branch(messages, chat.tip).map((message) =>
    message.role === "user" ? asked(message, words) : answered(message, words),
  );
  return [`# ${chat.title}`, ...parts].join("\n\n") + "\n";
}

function asked(message: UserMessage, words: ExportedWords): string {
  const files = message.files.map((file) => (file.kind === "text" ? fenced(file) : `[${file.name}]`));
  return [`## ${words.you}`, ...files, message.text].filter((part) => part !== "").join("\n\n");
}

function answered(message: AnswerMessage, words: ExportedWords): string {
  const thought = message.thought.trim();
  const quoted = thought === "" ? "" : `> **${words.thought}**\n>\n${thought.replace(/^/gm, "> ")}`;
  const calls = message.calls.map((call) => {
    const result = call.result === null ? "" : `\n→ ${call.result}`;
    return fenced({ name: call.name, text: `${call.args}${result}` });
  });
  return [`## ${message.model}`, quoted, message.text, ...calls].filter((part) => part !== "").join("\n\n");
}

function withoutPlace(message: Message): Message {
  return message.role === "assistant" ? { ...message, place: null } : message;
}
