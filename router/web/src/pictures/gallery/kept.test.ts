import "fake-indexeddb/auto";
import { expect, test } from "vitest";

import { mediaDatabase } from "../../media/database";
import { DEFAULTS } from "../settings/settings";
import { forget, keep, kept, type KeptPicture, matching, readKept } from "./kept";
import { swipeOf } from "./swipe";

function picture(id: string, created: number, prompt: string): KeptPicture {
  const settings = { ...DEFAULTS, prompt, seed: 77, model: "painter" };
  return { id, created, png: new Blob([id]), width: 64, height: 64, settings, hasInput: false };
}

test("pictures are kept, the latest first, each once", async () => {
  await keep(picture("a", 1, "old"));
  await keep(picture("b", 2, "new"));
  await keep(picture("a", 1, "old"));
  await readKept();
  expect(kept.value?.map(({ id }) => id)).toEqual(["b", "a"]);
  const [first] = kept.value ?? [];
  if (first !== undefined) await forget([first]);
  expect((await (await mediaDatabase()).getAll("pictures")).map(({ id }) => id)).toEqual(["a"]);
});

test("a search finds pictures with all its words, in any case", () => {
  const all = [picture("a", 1, "A red House"), picture("b", 2, "a blue house")];
  expect(matching(all, "house RED").map(({ id }) => id)).toEqual(["a"]);
  expect(matching(all, " 77 painter ")).toHaveLength(2);
  expect(matching(all, "green")).toEqual([]);
});

test("a swipe goes across", () => {
  expect(swipeOf({ x: 300, y: 100 }, { x: 200, y: 110 })).toBe(1);
  expect(swipeOf({ x: 200, y: 100 }, { x: 300, y: 110 })).toBe(-1);
  expect(swipeOf({ x: 200, y: 100 }, { x: 220, y: 100 })).toBe(0);
  expect(swipeOf({ x: 200, y: 100 }, { x: 280, y: 300 })).toBe(0);
});
