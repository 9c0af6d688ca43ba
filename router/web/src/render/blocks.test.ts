import { describe, expect, it, vi } from "vitest";

import { Blocks } from "./blocks";
import * as parser from "./parser";

const DOCUMENT = `# Title

A paragraph with [a link][1]
that goes on

- a list

  with a paragraph
- and more
1. another

> quoted

\`\`\`python
def f():

    return 1
\`\`\`

| a | b |
|---|---|
| 1 | 2 |

$$
x

y
$$

    indented

    code

Setext
---
[1]: https://example.org/a

last
`;

function texts(text: string, open = false): string[] {
  return new Blocks().update(text, open).map((block) => block.text);
}

describe("Blocks", () => {
  it("are the text without what stands before the first", () => {
    expect(texts(`\n\n${DOCUMENT}`).join("")).toBe(DOCUMENT);
    expect(texts(DOCUMENT)).toHaveLength(12);
  });

  it("of a text that grows by characters are in the end those of the whole text", () => {
    const growing = new Blocks();
    for (let length = 1; length < DOCUMENT.length; length++) growing.update(DOCUMENT.slice(0, length), true);
    const whole = new Blocks().update(DOCUMENT, false);
    const grown = growing.update(DOCUMENT, false);
    expect(grown.map(({ start, text }) => [start, text])).toEqual(whole.map(({ start, text }) => [start, text]));
    expect(
      grown.every((block) => block.references["1"]?.href === "https://example.org/a" || !block.text.includes("[")),
    ).toBe(true);
  });

  it("of another text are made anew", () => {
    const blocks = new Blocks();
    blocks.update("a\n\nb\n\nc\n", true);
    expect(blocks.update("x\n\nb\n\nc", false).map((block) => block.text)).toEqual(["x\n\n", "b\n\n", "c"]);
  });

  it("that are complete are not read again", () => {
    const read = vi.spyOn(parser, "blockTokensOf");
    const blocks = new Blocks();
    let text = "";
    for (let count = 0; count < 200; count++) {
      text += "A paragraph of some words.\n\n";
      blocks.update(text, true);
    }
    expect(read.mock.calls.length).toBeGreaterThan(200);
    const longest = Math.max(...read.mock.calls.map(([part]) => part.length));
    read.mockRestore();
    expect(longest).toBeLessThan(100);
    expect(text.length).toBeGreaterThan(5000);
  });

  it("have the ends of lines and the zeros that Markdown knows", () => {
    expect(texts("a\r\n\r\nb\0")).toEqual(["a\n\n", "b\ufffd"]);
  });
});
