import type { Token } from "markdown-it";
import { describe, expect, it } from "vitest";

import { tokensOf } from "../parser";

function formulas(text: string, open = false): string[] {
  const all = tokensOf(text, { open, references: {} }).flatMap((token): Token[] => [token, ...(token.children ?? [])]);
  return all
    .filter(({ type }) => type.endsWith("formula"))
    .map(({ type, content }) => `${type === "formula" ? "" : "open "}${content}`);
}

describe("formulas", () => {
  it.each([
    ["$a_1*b*c_2$", "a_1*b*c_2"],
    ["so $x$, and", "x"],
    ["\\(a_b\\) ", "a_b"],
    ["text $$a$$ text", "a"],
    ["$$\na\n\n+ b\n$$", "a\n\n+ b"],
    ["text:\n\\[\na\n\\]\ntext", "a"],
    ["- item\n  $$\n  a\n  $$", "a"],
    ["$5 + x = 10$", "5 + x = 10"],
    ["$3 \\text{ apples}$", "3 \\text{ apples}"],
    ["$\\$5$", "\\$5"],
    ["| a |\n|---|\n| $x$ |", "x"],
  ])("%j is one", (text, formula) => {
    expect(formulas(text)).toEqual([formula]);
  });

  it.each([
    "$5 and $10",
    "$5-$6 each",
    "US$5 to US$6",
    "from $20,000 to $30,000, or $1",
    "it is $5 (or 5$)",
    "a $ b $ c",
    "$x is open",
    "`$x$`",
    "\\$x\\$",
    "```\n$$\nx\n$$\n```",
    "$$ open\n\nto the end",
    "\\\\(not\\\\)",
  ])("%j is none", (text) => {
    expect(formulas(text)).toEqual([]);
  });

  it.each([
    ["so $$\na +", "open a +"],
    ["$$\na +", "open a +"],
    ["so \\(a_1", "open a_1"],
    ["so $a_1", "open a_1"],
  ])("%j may become one while more text comes", (text, formula) => {
    expect(formulas(text, true)).toEqual([formula]);
  });

  it("a price is not hidden while more text comes", () => {
    expect(formulas("it costs $5 and", true)).toEqual([]);
  });
});
