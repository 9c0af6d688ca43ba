/** Text in which nothing hides: characters that are not seen, or that turn others around, are shown by their numbers. */
import type { ComponentChildren } from "preact";

// What orders text by its letters (marks, joiners) is left alone in prose: Arabic, Hebrew, Hindi and emoji need it.
const IN_PROSE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;
const IN_CODE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** A name that a user, a model or a server gave, on one line and apart from the text around it. */
export function Name({ text }: { readonly text: string }) {
  return <bdi class="name">{codeText(text)}</bdi>;
}

export function proseText(text: string): ComponentChildren {
  return shown(text, IN_PROSE);
}

export function codeText(text: string): ComponentChildren {
  return shown(text, IN_CODE);
}

function shown(text: string, hidden: RegExp): ComponentChildren {
  const found = [...text.matchAll(hidden)];
  if (found.length === 0) return text;
  const parts: ComponentChildren[] = [];
  let from = 0;
  for (const { 0: character, index } of found) {
    parts.push(text.slice(from, index), <span class="hidden-character">{numberOf(character)}</span>);
    from = index + character.length;
  }
  return [...parts, text.slice(from)];
}

function numberOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
