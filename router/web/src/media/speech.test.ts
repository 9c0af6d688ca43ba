import { afterEach, expect, test } from "vitest";

import { server, type ServedModel, type ServerState } from "../api/server";
import { hearingModels, speakingModels } from "./speech";

function model(id: string, kinds: string[], inputs: string[], outputs: string[]): ServedModel {
  return { id, kinds, inputs, outputs } as unknown as ServedModel;
}

const CHAT = model("chat", ["text"], ["text"], ["text"]);
const LISTENER = model("whisper", ["speech"], ["audio"], ["text"]);
const SPEAKER = model("piper", ["speech"], ["text"], ["audio"]);

afterEach(() => (server.value = null));

test("who writes down speech does not read aloud, and the other way round", () => {
  server.value = { models: [CHAT, SPEAKER, LISTENER] } as unknown as ServerState;
  expect(hearingModels()).toEqual([LISTENER]);
  expect(speakingModels()).toEqual([SPEAKER]);
});

test("before the server is known, nobody hears or speaks", () => {
  expect([...hearingModels(), ...speakingModels()]).toEqual([]);
});
