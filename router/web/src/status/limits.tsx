/** What the caller's key may still use today. */
import { texts } from "../texts";
import { count, duration } from "./format";

export function Limits({ limits }: { readonly limits: Readonly<Record<string, number | null>> }) {
  const told = tellTokens(limits);
  return told === null ? null : <p class="notice">{told}</p>;
}

/** The caller's tokens in words; null without a limit. */
export function tellTokens(limits: Readonly<Record<string, number | null>>): string | null {
  const words = texts.status.limits;
  const perDay = limits["tokens_per_day"] ?? null;
  if (perDay === null) return null;
  const left = limits["tokens_left"] ?? perDay;
  const resetS = limits["tokens_reset_s"] ?? null;
  const again = resetS === null ? "" : words.again(duration(Math.max(60, Math.round(resetS / 60) * 60)));
  const now = left > 0 ? words.left(count(left), count(perDay)) : words.used(count(perDay));
  return [now, again].filter(Boolean).join(" ");
}
