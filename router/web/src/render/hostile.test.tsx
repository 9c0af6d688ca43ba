import { render } from "preact";
import { describe, expect, it } from "vitest";

import hostile from "./hostile.json";
import { Markdown } from "./markdown";
import { tokensOf } from "./parser";

const ELEMENTS = new Set(
  "a bdi blockquote br button code div em h3 h4 h5 h6 hr input li ol p path pre s span strong svg table tbody td th thead tr ul".split(
    " ",
  ),
);
const ATTRIBUTES = new Set(
  "aria-hidden aria-label checked class d disabled fill height href rel role start stroke stroke-linecap stroke-linejoin stroke-width tabindex target title type viewBox width".split(
    " ",
  ),
);

function shown(text: string, streaming = false): Element {
  const page = document.createElement("div");
  render(<Markdown text={text} streaming={streaming} />, page);
  return page;
}

function expectHarmless(page: Element): void {
  for (const element of page.querySelectorAll("*")) {
    expect(ELEMENTS).toContain(element.localName);
    for (const { name } of element.attributes) expect(ATTRIBUTES).toContain(name);
    const link = element.getAttribute("href");
    if (link !== null) expect(link).toMatch(/^(https?:\/\/[^/@]+(\/|$)|mailto:)/);
  }
}

const TEXTS = [...Object.values(hostile).flat(), "\ud800 alone \udfff"];
const PARTS = [
  "*",
  "**a ",
  "_",
  "_a_",
  "~~",
  "`",
  "` ",
  "[",
  "![",
  "](",
  "[a](",
  "[a]: ",
  "<",
  "<a ",
  "<!--",
  "&",
  "&amp",
  "\\",
  "$",
  "$a ",
  "$$",
  "$$a\n",
  "\\(",
  "\\[",
  "\\[a\n",
  "> ",
  "- ",
  "1. ",
  "  - a\n",
  "| ",
  "|-",
  "a|b\n-|-\n",
  "# ",
  "#",
  "```\n",
  "~~~a\n",
  "\n",
  "\t",
  " ",
  "http://",
  "https://a.b/(",
  "a@b.c ",
  "mailto:a",
  "\u202e",
  "\u200b",
  "\u0301",
  "*_`[<",
  "(((",
  "[[[]",
  "]]]",
  "a*b_c",
  "====\n",
  "- [x] ",
  "::",
  '"',
  "'",
];

describe("hostile text", () => {
  it.each(TEXTS)("%j is only shown", (text) => {
    expectHarmless(shown(text));
    expectHarmless(shown(text, true));
    expectHarmless(shown(`- > ${text}\n\n${text}`));
  });

  it("in one text is only shown", () => {
    expectHarmless(shown(TEXTS.join("\n\n")));
    expectHarmless(shown(TEXTS.join(" ")));
  });

  it.each(PARTS)("20,000 characters of %j are borne", (part) => {
    const text = part.repeat(Math.ceil(20_000 / part.length));
    expect(tokensOf(text, { open: false, references: {} }).length).toBeGreaterThanOrEqual(0);
    expect(tokensOf(text, { open: true, references: {} }).length).toBeGreaterThanOrEqual(0);
  });

  it.each([
    ["quotations", "> ".repeat(5000) + "x"],
    ["lists", Array.from({ length: 300 }, (_, depth) => `${" ".repeat(2 * depth)}- x`).join("\n")],
    ["emphasis", "*a **b ".repeat(1000) + "c** d*".repeat(1000)],
    ["links", "[".repeat(2000) + "x" + "](https://example.org)".repeat(2000)],
    ["a wide table", `|${" a |".repeat(300)}\n|${"-|".repeat(300)}\n|${" b |".repeat(300)}`],
    ["a word", "a".repeat(100_000)],
  ])("deep or large %s are shown", (_, text) => {
    const page = shown(text);
    expectHarmless(page);
    expect(page.textContent?.length).toBeGreaterThan(0);
  });

  it("is shown as it is written where it would make too many cells", () => {
    const table = `|${" a |".repeat(500)}\n|${"-|".repeat(500)}\n${"| b |\n".repeat(50)}`;
    const page = shown(table);
    expect(page.querySelector("td")).toBeNull();
    expect(page.querySelector("pre")?.textContent).toBe(table);
  });
});
