import { expect, test } from "vitest";

import type { ServedModel } from "../../api/server";
import { mediaTaken } from "./capabilities";

function model(id: string, kinds: string[], inputs: string[], outputs: string[]): ServedModel {
  return { id, kinds, inputs, outputs } as unknown as ServedModel;
}

const CHAT = model("chat", ["text"], ["text"], ["text"]);
const SEEING = model("seeing", ["text"], ["text", "image"], ["text"]);
const HEARING = model("hearing", ["text"], ["text", "audio"], ["text"]);
const WRITER = model("writer", ["speech"], ["audio"], ["text"]);
const PAINTER = model("painter", ["image"], ["text", "image"], ["image"]);

test("pictures and recordings go only to chat models that see or hear", () => {
  const taken = [CHAT, SEEING, HEARING, WRITER, PAINTER, null].map(mediaTaken);
  expect(taken).toEqual([[], ["image"], ["audio"], [], [], []]);
});
