import { expect, test } from "vitest";

import type { ServedModel } from "../../api/server";
import { takesPictures } from "./capabilities";

function model(id: string, kinds: string[], inputs: string[], outputs: string[]): ServedModel {
  return { id, kinds, inputs, outputs } as unknown as ServedModel;
}

const CHAT = model("chat", ["text"], ["text"], ["text"]);
const SEEING = model("seeing", ["text"], ["text", "image"], ["text"]);
const PAINTER = model("painter", ["image"], ["text", "image"], ["image"]);

test("pictures go only to chat models that see", () => {
  expect([CHAT, SEEING, PAINTER, null].map(takesPictures)).toEqual([false, true, false, false]);
});
