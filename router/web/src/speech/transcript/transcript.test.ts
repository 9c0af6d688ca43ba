import { expect, test } from "vitest";

import { clock, FORMATS, timestamp } from "./subtitles";
import { afterEvent, textOf, type Transcript, withText } from "./transcript";
import { lastAt, piecesOf } from "./words";

const EMPTY: Transcript = {
  id: "a",
  created: 0,
  name: "a.mp3",
  task: "transcribe",
  model: "m",
  language: "",
  state: "running",
  segments: [],
  heard: null,
  durationS: null,
  error: null,
};
const EVENTS = [
  {
    type: "transcript.text.delta",
    delta: "And so",
    id: 0,
    start: 0,
    end: 1.5,
    words: [
      { word: "And", start: 0, end: 0.5, probability: 1 },
      { word: "so", start: 0.5, end: 1.5, probability: 1 },
    ],
  },
  { type: "transcript.text.delta", delta: " ", id: 1, start: 1.5, end: 2 },
  { type: "transcript.text.delta", delta: " 1 < 2 &\n3 --> 4", id: 2, start: 3661.5, end: 3662.0006 },
  { type: "transcript.text.done", text: "…", language: "en", duration: 62.25 },
];
const WHOLE = EVENTS.reduce((transcript, event) => afterEvent(transcript, JSON.stringify(event)), EMPTY);

test("events make a transcript, and the same ones again change nothing", () => {
  expect(WHOLE.segments).toHaveLength(3);
  expect(WHOLE.segments[0]).toEqual({
    text: "And so",
    startS: 0,
    endS: 1.5,
    words: [
      { text: "And", startS: 0, endS: 0.5 },
      { text: "so", startS: 0.5, endS: 1.5 },
    ],
  });
  expect(WHOLE).toMatchObject({ heard: "en", durationS: 62.25 });
  expect(EVENTS.reduce((transcript, event) => afterEvent(transcript, JSON.stringify(event)), WHOLE)).toEqual(WHOLE);
});

test("files have what the server's have (tests/router/api/audio/test_subtitles.py)", () => {
  expect(FORMATS.txt.write(WHOLE)).toBe("And so  1 < 2 &\n3 --> 4\n");
  expect(FORMATS.srt.write(WHOLE)).toBe(
    "1\n00:00:00,000 --> 00:00:01,500\nAnd so\n\n2\n01:01:01,500 --> 01:01:02,001\n1 < 2 & 3 -> 4\n\n",
  );
  expect(FORMATS.vtt.write(WHOLE)).toBe(
    "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nAnd so\n\n01:01:01.500 --> 01:01:02.001\n1 &lt; 2 &amp; 3 -> 4\n\n",
  );
});

test("times", () => {
  expect(timestamp(-1, ",")).toBe("00:00:00,000");
  expect(timestamp(360_000.0004, ".")).toBe("100:00:00.000");
  expect([clock(7.9), clock(187), clock(3727)]).toEqual(["0:07", "3:07", "1:02:07"]);
});

test("a changed text keeps the space before it, and has no times of words", () => {
  const changed = withText(withText(WHOLE, 0, "And thus "), 2, "the end");
  expect(textOf(changed)).toBe("And thus  the end");
  expect(changed.segments[0]?.words).toEqual([]);
  expect(withText(WHOLE, 0, " And so").segments[0]).toBe(WHOLE.segments[0]);
});

test("a segment is cut into the words that can be heard", () => {
  const words = [
    { text: "So,", startS: 1, endS: 2 },
    { text: "so", startS: 2, endS: 3 },
  ];
  expect(piecesOf({ text: " So, … so!", startS: 1, endS: 3, words })).toEqual([
    { text: "So,", startS: 1 },
    { text: " … ", startS: null },
    { text: "so", startS: 2 },
    { text: "!", startS: null },
  ]);
  expect(piecesOf({ text: " other", startS: 1, endS: 3, words })).toEqual([{ text: "other", startS: 1 }]);
  expect(piecesOf({ text: " whole", startS: 4, endS: 5, words: [] })).toEqual([{ text: "whole", startS: 4 }]);
});

test("the word that is heard is the last one that has begun", () => {
  expect([-1, 0, 0.4, 0.5, 9].map((timeS) => lastAt([0, 0.5, 1.5], timeS))).toEqual([-1, 0, 0, 1, 2]);
});
