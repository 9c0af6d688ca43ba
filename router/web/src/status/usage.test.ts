import { describe, expect, it } from "vitest";

import { byDay, byKey, firstDay, OTHERS, type UsageRow } from "./usage";

const TODAY = new Date("2026-03-02T10:00:00Z");

function row(key: string | null, day: string, tokens: number): UsageRow {
  return {
    key,
    day,
    requests: 1,
    prompt_tokens: tokens,
    cached_tokens: 0,
    completion_tokens: 1,
    images: 2,
    audio_s: 0,
  };
}

describe("usage by day", () => {
  it("has each day, and the key that used most first", () => {
    const rows = [row("anna", "2026-02-28", 9), row(null, "2026-03-02", 19), row("anna", "2026-03-02", 4)];
    expect(byDay(rows, "tokens", TODAY, 3)).toEqual({
      keys: [null, "anna"],
      days: [
        { day: "2026-02-28", values: [0, 10] },
        { day: "2026-03-01", values: [0, 0] },
        { day: "2026-03-02", values: [20, 5] },
      ],
      top: 25,
    });
  });

  it("counts what is asked for, and leaves out keys without any", () => {
    expect(byDay([row("anna", "2026-03-02", 9)], "images", TODAY, 1).days).toEqual([
      { day: "2026-03-02", values: [2] },
    ]);
    expect(byDay([row("anna", "2026-03-02", 9)], "audio", TODAY, 1).keys).toEqual([]);
  });

  it("puts all but the largest keys together", () => {
    const rows = Array.from({ length: 8 }, (_, at) => row(`user-${at}`, "2026-03-02", 100 - at));
    const { keys, days } = byDay(rows, "requests", TODAY, 1);
    expect(keys).toHaveLength(6);
    expect(keys.at(-1)).toBe(OTHERS);
    expect(days[0]?.values).toEqual([1, 1, 1, 1, 1, 3]);
  });

  it("leaves out days that are not asked for", () => {
    expect(byDay([row("anna", "2026-02-01", 9)], "tokens", TODAY, 2).top).toBe(0);
  });
});

describe("usage by key", () => {
  it("is the sum of all days", () => {
    const rows = [row("bob", "2026-03-01", 1), row("anna", "2026-03-01", 9), row("anna", "2026-03-02", 5)];
    expect(byKey(rows).map((one) => [one.key, one.requests, one.prompt_tokens])).toEqual([
      ["anna", 2, 14],
      ["bob", 1, 1],
    ]);
  });
});

it("the first day is counted from today, in UTC", () => {
  expect(firstDay(TODAY, 1)).toBe("2026-03-02");
  expect(firstDay(TODAY, 7)).toBe("2026-02-24");
});
