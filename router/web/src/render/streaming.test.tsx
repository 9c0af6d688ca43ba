import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Markdown } from "./markdown";

const ANSWER = `# Answer

Some **bold** words, see [docs][1].

\`\`\`text
one

two
\`\`\`

| a | b |
|---|---|
| 1 | 2 |

- a
- b

$5 and $10

[1]: https://example.org/
`;

let page: HTMLElement;
let frames: FrameRequestCallback[];

beforeEach(() => {
  page = document.createElement("div");
  frames = [];
  vi.stubGlobal("requestAnimationFrame", (frame: FrameRequestCallback) => frames.push(frame));
  vi.spyOn(performance, "now").mockReturnValue(0);
});

afterEach(() => {
  render(null, page);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function write(text: string, streaming = true): Promise<void> {
  await act(() => render(<Markdown text={text} streaming={streaming} />, page));
}

/** Writes `text` and lets the screen show it. */
async function writeAndShow(text: string): Promise<void> {
  await write(text);
  await act(() => frames.splice(0).forEach((frame) => frame(0)));
}

describe("an answer that is written", () => {
  it("is shown once a frame", async () => {
    await write("");
    for (const text of ["a", "ab", "abc"]) await write(text);
    expect(frames).toHaveLength(1);
    expect(page.textContent).toBe("");
    await writeAndShow("abcd");
    expect(page.textContent).toBe("abcd");
  });

  it("is whole as soon as it has ended", async () => {
    await write("");
    await write("the **end**");
    await write("the **end**", false);
    expect(page.textContent).toBe("the end");
  });

  it("is in the end what it is when written at once", async () => {
    for (let length = 0; length <= ANSWER.length; length += 3) await writeAndShow(ANSWER.slice(0, length));
    await write(ANSWER, false);
    const grown = page.innerHTML;
    render(null, page);
    await write(ANSWER, false);
    expect(grown).toBe(page.innerHTML);
    expect(grown).toContain('href="https://example.org/"');
  });

  it("keeps the elements of what is complete", async () => {
    await writeAndShow("# Title\n\nfirst paragraph\n\nsecond");
    const [title, first] = page.querySelectorAll("h3, p");
    await writeAndShow("# Title\n\nfirst paragraph\n\nsecond paragraph\n\nthird");
    await write("# Title\n\nfirst paragraph\n\nsecond paragraph\n\nthird", false);
    expect([...page.querySelectorAll("h3, p")].slice(0, 2)).toEqual([title, first]);
    expect(page.querySelector("h3")).toBe(title);
  });

  it("never shows the marks of code, tables and formulas that are half written", async () => {
    const seen = new Set<string>();
    const text = "a\n\n```py\nx = 1\n```\n\n| h |\n|---|\n| 1 |\n\n$$\nx\n$$\n\nso \\(y\\)";
    for (let length = 1; length <= text.length; length++) {
      await writeAndShow(text.slice(0, length));
      seen.add(page.textContent ?? "");
    }
    for (const shown of seen) expect(shown).not.toMatch(/[`|$\\]/);
  });
});
