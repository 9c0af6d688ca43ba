import { expect, test } from "vitest";

import { sampleAnswer, sampleQuestion } from "./samples";
import { alternatives, anyEnd, branch, hasContent, newestEnd } from "./tree";
import type { Message } from "./types";

// q1 - a1 - q2 - a2
//    \ a3 - q3
const MESSAGES = new Map<string, Message>(
  [
    sampleQuestion("q1", null, { created: 1 }),
    sampleAnswer("a1", "q1", { created: 2 }),
    sampleAnswer("a3", "q1", { created: 5 }),
    sampleQuestion("q2", "a1", { created: 3 }),
    sampleAnswer("a2", "q2", { created: 4 }),
    sampleQuestion("q3", "a3", { created: 6 }),
  ].map((message) => [message.id, message]),
);

const ids = (messages: readonly Message[]) => messages.map((message) => message.id);

test("a branch goes from the first message to its tip", () => {
  expect(ids(branch(MESSAGES, "a2"))).toEqual(["q1", "a1", "q2", "a2"]);
  expect(ids(branch(MESSAGES, "q3"))).toEqual(["q1", "a3", "q3"]);
  expect(branch(MESSAGES, null)).toEqual([]);
});

test("alternatives have the same parent, oldest first", () => {
  expect(ids(alternatives(MESSAGES, sampleAnswer("a3", "q1")))).toEqual(["a1", "a3"]);
});

test("another branch is shown up to its newest end", () => {
  expect(newestEnd(MESSAGES, "a1")).toBe("a2");
  expect(newestEnd(MESSAGES, "q1")).toBe("q3");
  expect(anyEnd(MESSAGES)).toBe("q3");
  expect(anyEnd(new Map())).toBeNull();
});

test("a circle, which nobody should have stored, ends", () => {
  const circle = new Map<string, Message>([
    ["x", sampleQuestion("x", "y")],
    ["y", sampleAnswer("y", "x")],
  ]);
  expect(ids(branch(circle, "x"))).toEqual(["y", "x"]);
  expect(["x", "y"]).toContain(newestEnd(circle, "x"));
});

test("an answer has content once it has said, thought or called anything", () => {
  expect(hasContent(sampleAnswer("", null))).toBe(false);
  expect(hasContent(sampleAnswer("", null, { thought: "hm" }))).toBe(true);
  expect(hasContent(sampleAnswer("", null, { calls: [{ id: "1", name: "f", args: "", result: null }] }))).toBe(true);
});
