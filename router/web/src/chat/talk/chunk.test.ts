import { expect, test } from "vitest";

import { sampleAnswer } from "../store/samples";
import { type AnswerMessage, noTimes } from "../store/types";
import { type Chunk, endedTimes, withChunk } from "./chunk";
import { firstTokenS, roughTokensPerS, thoughtS, tokensPerS } from "./speed";

const EMPTY = sampleAnswer("", "q", { state: "streaming", finish: null, times: noTimes(1000) });

type Delta = Chunk["choices"][number]["delta"];

function delta(given: Delta, finish: string | null = null): Chunk {
  return { choices: [{ delta: given, finish_reason: finish }] };
}

function after(steps: readonly (readonly [number, Chunk])[], from: AnswerMessage = EMPTY): AnswerMessage {
  return steps.reduce((answer, [now, chunk]) => withChunk(answer, chunk, now), from);
}

const usage = (answer: number): Chunk => ({
  choices: [],
  usage: {
    prompt_tokens: 9,
    completion_tokens: answer,
    prompt_tokens_details: { cached_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 1 },
  },
});

test("thought and text are put together apart, and the thought has its time", () => {
  const answer = after([
    [1000, delta({ content: "" })],
    [2000, delta({ reasoning_content: "Let me" })],
    [3500, delta({ reasoning_content: " see." })],
    [4000, delta({ content: "Red" })],
    [5000, delta({ content: "." })],
    [5000, delta({}, "stop")],
    [5001, usage(5)],
  ]);
  expect(answer).toMatchObject({ thought: "Let me see.", text: "Red.", finish: "stop" });
  expect(answer.usage).toEqual({ prompt: 9, cached: 4, answer: 5, thought: 1 });
  expect(thoughtS(answer.times, 9999)).toBe(2);
  expect(firstTokenS(answer.times)).toBe(1);
  expect(tokensPerS(answer)).toBeCloseTo(4 / 3);
  expect(roughTokensPerS(answer.times)).toBeCloseTo(1);
});

test("a thought that goes on is timed up to now, and ends with the answer", () => {
  const answer = after([
    [2000, delta({ reasoning_content: "Let" })],
    [4000, delta({ reasoning_content: " me" })],
  ]);
  expect(thoughtS(answer.times, 7000)).toBe(5);
  expect(thoughtS(endedTimes(answer.times, 7000), 9000)).toBe(2);
});

test("several calls are put together from their parts", () => {
  const answer = after([
    [1, delta({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "" } }] })],
    [2, delta({ tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] })],
    [3, delta({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] })],
    [4, delta({ tool_calls: [{ index: 1, id: "b", function: { name: "g", arguments: "{}" } }] }, "tool_calls")],
  ]);
  expect(answer.calls).toEqual([
    { id: "a", name: "f", args: '{"x":1}', result: null },
    { id: "b", name: "g", args: "{}", result: null },
  ]);
});

test("an answer that was continued counts the tokens of all its parts, and has no speed", () => {
  const first = after([
    [1500, delta({ content: "One" }, "length")],
    [1500, usage(3)],
  ]);
  const whole = after(
    [
      [9000, delta({ content: " two" }, "stop")],
      [9000, usage(4)],
    ],
    {
      ...first,
      times: { ...first.times, gap: true },
    },
  );
  expect(whole.usage?.answer).toBe(7);
  expect(whole.text).toBe("One two");
  expect(tokensPerS(whole)).toBeNull();
  expect(firstTokenS(whole.times)).toBeNull();
});

test("a speed is not made up from one token, or from tokens that came at once", () => {
  const at = (first: number, last: number, tokens: number) =>
    tokensPerS({
      ...EMPTY,
      usage: { prompt: 1, cached: 0, answer: tokens, thought: 0 },
      times: { ...noTimes(0), first, last },
    });
  expect(at(1000, 2000, 1)).toBeNull();
  expect(at(1000, 1001, 50)).toBeNull();
  expect(at(1000, 2000, 51)).toBe(50);
});
