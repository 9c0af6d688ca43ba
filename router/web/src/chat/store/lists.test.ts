import { expect, test } from "vitest";

import { grouped } from "./days";
import { sampleChat } from "./samples";
import { plain, wordsOf } from "./search";
import { cut, titleOf } from "./titles";

test("chats are grouped by the days of the user's own calendar", () => {
  const now = new Date(2026, 10, 26, 0, 30);
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();
  const chats = [
    sampleChat("old", { changed: at(1, 12) - 40 * 86_400_000 }),
    sampleChat("month", { changed: at(1, 12) }),
    sampleChat("week", { changed: at(20, 0) }),
    sampleChat("late yesterday", { changed: at(25, 23) }),
    sampleChat("now", { changed: now.getTime() }),
    sampleChat("kept", { changed: at(1, 1), pinned: true }),
  ];
  expect(grouped(chats, now).map((group) => [group.period, group.chats.map((chat) => chat.id)])).toEqual([
    ["pinned", ["kept"]],
    ["today", ["now"]],
    ["yesterday", ["late yesterday"]],
    ["week", ["week"]],
    ["month", ["month"]],
    ["older", ["old"]],
  ]);
});

test("a title is the first line of what was asked, without marks, cut at a word", () => {
  expect(titleOf({ text: "\n## **Hello** there\nmore", files: [] })).toBe("Hello** there");
  expect(titleOf({ text: "", files: [{ kind: "text", name: "a.py", text: "" }] })).toBe("a.py");
  expect(cut("word ".repeat(30))).toBe(`${"word ".repeat(12).trim()} …`);
  expect(Array.from(cut("𝔘".repeat(100)))).toHaveLength(62);
});

test("searching does not mind case and accents", () => {
  expect(plain("Éclair ÀÖ straße")).toBe("eclair ao straße");
  expect(wordsOf("  Zwei  WÖRTER ")).toEqual(["zwei", "worter"]);
});
