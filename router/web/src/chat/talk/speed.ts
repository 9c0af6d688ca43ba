/** How fast an answer came, said only where it is known. */
import type { AnswerMessage, Times } from "../store/types";

const MIN_MS = 200;

/** Tokens per second, from the server's count and the time between first and last token; null if unknown. */
export function tokensPerS(answer: AnswerMessage): number | null {
  const { usage, times } = answer;
  if (usage === null || times.gap) return null;
  return rate(usage.answer, times);
}

/** The same while it comes: each piece is taken for a token. */
export function roughTokensPerS(times: Times): number | null {
  return times.gap ? null : rate(times.pieces, times);
}

/** Seconds until the first token; null if unknown. */
export function firstTokenS(times: Times): number | null {
  return times.first === null || times.gap ? null : (times.first - times.sent) / 1000;
}

/** Seconds of thinking up to now; null if there was no thought. */
export function thoughtS(times: Times, now: number): number | null {
  return times.thoughtFrom === null ? null : Math.max(0, ((times.thoughtTo ?? now) - times.thoughtFrom) / 1000);
}

function rate(tokens: number, times: Times): number | null {
  if (times.first === null || times.last === null || tokens < 2) return null;
  const ms = times.last - times.first;
  return ms < MIN_MS ? null : ((tokens - 1) * 1000) / ms;
}
