/** Chats in the order of the list: pinned ones first, then by day. */
import type { Chat } from "./types";

export type Period = "pinned" | "today" | "yesterday" | "week" | "month" | "older";

export interface Group {
  readonly period: Period;
  readonly chats: readonly Chat[];
}

const ORDER: readonly Period[] = ["pinned", "today", "yesterday", "week", "month", "older"];

/** The chats by period, newest first; periods without chats are left out. */
export function grouped(chats: readonly Chat[], now: Date): Group[] {
  const sorted = [...chats].sort((one, other) => other.changed - one.changed);
  return ORDER.map((period) => ({ period, chats: sorted.filter((chat) => periodOf(chat, now) === period) })).filter(
    (group) => group.chats.length > 0,
  );
}

function periodOf(chat: Chat, now: Date): Period {
  if (chat.pinned) return "pinned";
  if (chat.changed >= daysBefore(now, 0)) return "today";
  if (chat.changed >= daysBefore(now, 1)) return "yesterday";
  if (chat.changed >= daysBefore(now, 6)) return "week";
  if (chat.changed >= daysBefore(now, 29)) return "month";
  return "older";
}

/** The beginning of a day, in the user's own time. */
function daysBefore(now: Date, days: number): number {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() - days).getTime();
}
