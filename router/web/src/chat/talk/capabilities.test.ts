import { expect, test } from "vitest";

import type { ServedModel, ServerState } from "../../api/server";
import { listeningModel, speakingModel, takesPictures } from "./capabilities";

function model(id: string, kinds: string[], inputs: string[], outputs: string[]): ServedModel {
  return { id, kinds, inputs, outputs } as unknown as ServedModel;
}

const serving = (...models: ServedModel[]) => ({ models }) as unknown as ServerState;
const CHAT = model("chat", ["text"], ["text"], ["text"]);
const SEEING = model("seeing", ["text"], ["text", "image"], ["text"]);
const PAINTER = model("painter", ["image"], ["text", "image"], ["image"]);
const LISTENER = model("whisper", ["speech"], ["audio"], ["text"]);
const SPEAKER = model("piper", ["speech"], ["text"], ["audio"]);

test("pictures go only to chat models that see", () => {
  expect([CHAT, SEEING, PAINTER, null].map(takesPictures)).toEqual([false, true, false, false]);
});

test("who writes down speech does not read aloud, and the other way round", () => {
  const server = serving(CHAT, SPEAKER, LISTENER);
  expect(listeningModel(server)?.id).toBe("whisper");
  expect(speakingModel(server)?.id).toBe("piper");
  expect(listeningModel(serving(CHAT, SPEAKER))).toBeNull();
  expect(speakingModel(serving(CHAT, LISTENER))).toBeNull();
  expect(speakingModel(null)).toBeNull();
});
