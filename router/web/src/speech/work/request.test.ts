import { expect, test } from "vitest";

import { languageName, LANGUAGES, namedLanguages } from "../languages";
import type { Transcript } from "../transcript/transcript";
import { requestOf } from "./request";

const TRANSCRIPT: Transcript = {
  id: "a",
  created: 0,
  name: "talk.mp3",
  task: "transcribe",
  model: "tiny",
  language: "de",
  state: "waiting",
  segments: [],
  heard: null,
  durationS: null,
  error: null,
};

function textFields(body: FormData): Record<string, unknown> {
  return Object.fromEntries([...body].filter(([, value]) => typeof value === "string"));
}

test("a transcript is asked for with the times of words", () => {
  const { path, body } = requestOf(TRANSCRIPT, new Blob(["x"]), true);
  expect(path).toBe("v1/audio/transcriptions");
  expect(textFields(body)).toEqual({
    model: "tiny",
    response_format: "verbose_json",
    stream: "true",
    language: "de",
    "timestamp_granularities[]": "word",
  });
  expect(textFields(requestOf({ ...TRANSCRIPT, language: "" }, new Blob(["x"]), false).body)).toEqual({
    model: "tiny",
    response_format: "verbose_json",
    stream: "true",
  });
});

test("a translation has neither a language nor words", () => {
  const { path, body } = requestOf({ ...TRANSCRIPT, task: "translate" }, new Blob(["x"]), true);
  expect(path).toBe("v1/audio/translations");
  expect(textFields(body)).toEqual({ model: "tiny", response_format: "verbose_json", stream: "true" });
});

test("languages have names, in the order of these", () => {
  expect(LANGUAGES).toHaveLength(100);
  expect(languageName("de", "en")).toBe("German");
  expect(languageName("jw", "en")).toBe("Javanese");
  expect(languageName("not a code", "en")).toBe("not a code");
  expect(languageName("ba", "en")).toBe("Bashkir"); // some browsers have only the code
  expect(namedLanguages("en")[0]).toEqual(["af", "Afrikaans"]);
});
