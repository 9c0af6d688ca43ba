/** Titles of chats, from what was first asked. */
import type { UserMessage } from "./types";

const MAX_LENGTH = 60;

/** The first words of a message, or the name of its first file. */
export function titleOf(message: Pick<UserMessage, "text" | "files">): string {
  const line = message.text
    .split("\n")
    .map((part) => part.replace(/^[\s#>*`-]+/, "").trim())
    .find((part) => part !== "");
  return cut(line ?? message.files[0]?.name ?? "");
}

/** A title that a person or a file gives: one line, not too long. */
export function cut(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  const letters = Array.from(line);
  if (letters.length <= MAX_LENGTH) return line;
  const head = letters.slice(0, MAX_LENGTH).join("");
  const space = head.lastIndexOf(" ");
  return `${space > MAX_LENGTH / 2 ? head.slice(0, space) : head} …`;
}
