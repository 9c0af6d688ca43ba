/** Usage by day and key, as a plot and a table need it. */

/** A row of `GET /v1/usage?by=day`. */
export interface UsageRow {
  readonly key: string | null;
  readonly day: string;
  readonly requests: number;
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly completion_tokens: number;
  readonly images: number;
  readonly audio_s: number;
}

export const MEASURES = ["tokens", "requests", "images", "audio"] as const;
export type Measure = (typeof MEASURES)[number];

export interface UsageStack {
  readonly day: string;
  /** A value for each of `keys`, in their order. */
  readonly values: readonly number[];
}

export interface UsageByDay {
  /** Those with the largest sums first; null stands for requests without a named key, the last may be `OTHERS`. */
  readonly keys: readonly (string | null)[];
  readonly days: readonly UsageStack[];
  /** The largest sum of a day. */
  readonly top: number;
}

export const OTHERS = "\u0000others"; // no key can be named so
const MAX_KEYS = 6;
const DAY_MS = 86_400_000;

export function amount(row: UsageRow, measure: Measure): number {
  switch (measure) {
    case "tokens":
      return row.prompt_tokens + row.completion_tokens;
    case "requests":
      return row.requests;
    case "images":
      return row.images;
    case "audio":
      return row.audio_s;
  }
}

/** The first of `count` days up to `today`, in UTC. */
export function firstDay(today: Date, count: number): string {
  return dayOf(today.getTime() - (count - 1) * DAY_MS);
}

/** Each of the days, also those without any usage, with the sums of the keys that used most. */
export function byDay(rows: readonly UsageRow[], measure: Measure, today: Date, count: number): UsageByDay {
  const ranked = sums(rows, measure);
  const named = ranked.length > MAX_KEYS ? ranked.slice(0, MAX_KEYS - 1) : ranked;
  const keys = ranked.length > MAX_KEYS ? [...named, OTHERS] : named;
  const days = Array.from({ length: count }, (_, at) => dayOf(today.getTime() - (count - 1 - at) * DAY_MS));
  const stacks = new Map(days.map((day) => [day, keys.map(() => 0)]));
  for (const row of rows) {
    const values = stacks.get(row.day);
    const found = keys.indexOf(row.key);
    const at = found < 0 ? keys.length - 1 : found;
    if (values !== undefined && at in values) values[at] = (values[at] ?? 0) + amount(row, measure);
  }
  const stacked = days.map((day) => ({ day, values: stacks.get(day) ?? [] }));
  return { keys, days: stacked, top: Math.max(0, ...stacked.map(({ values }) => total(values))) };
}

/** A sum of all days for each key, the largest first. */
export function byKey(rows: readonly UsageRow[]): readonly UsageRow[] {
  const found = new Map<string | null, UsageRow>();
  for (const row of rows) {
    const before = found.get(row.key);
    found.set(row.key, before === undefined ? row : added(before, row));
  }
  return [...found.values()].sort((a, b) => amount(b, "tokens") - amount(a, "tokens") || b.requests - a.requests);
}

function added(first: UsageRow, second: UsageRow): UsageRow {
  return {
    ...first,
    requests: first.requests + second.requests,
    prompt_tokens: first.prompt_tokens + second.prompt_tokens,
    cached_tokens: first.cached_tokens + second.cached_tokens,
    completion_tokens: first.completion_tokens + second.completion_tokens,
    images: first.images + second.images,
    audio_s: first.audio_s + second.audio_s,
  };
}

function sums(rows: readonly UsageRow[], measure: Measure): readonly (string | null)[] {
  const found = new Map<string | null, number>();
  for (const row of rows) found.set(row.key, (found.get(row.key) ?? 0) + amount(row, measure));
  return [...found]
    .filter(([, sum]) => sum > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([key]) => key);
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
