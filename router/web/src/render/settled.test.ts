import { describe, expect, it } from "vitest";

import { settled } from "./settled";

describe("settled", () => {
  it.each([
    ["a\n``", "a\n"],
    ["a\n```pyth", "a\n"],
    ["a\n```python\n", "a\n```python\n"],
    ["```\ncode\n``", "```\ncode\n"],
    ["a\n-", "a\n"],
    ["a\n- b", "a\n- b"],
    ["a\n12.", "a\n"],
    ["a\n> #", "a\n"],
    ["a\n$$", "a\n"],
    ["| a | b", ""],
    ["|", ""],
    ["a\n|", "a\n|"],
    ["x\n\n| a | b |\n|--", "x\n\n"],
    ["| a | b |\n|--|--|\n", "| a | b |\n|--|--|\n"],
    ["| a |\n|--|\n| 1", "| a |\n|--|\n| 1"],
    ["bold **", "bold "],
    ["formula \\", "formula "],
    ["plain", "plain"],
    ["", ""],
  ])("of %j is %j", (text, expected) => {
    expect(settled(text)).toBe(expected);
  });
});
