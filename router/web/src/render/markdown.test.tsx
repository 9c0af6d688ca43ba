import { render } from "preact";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Markdown } from "./markdown";

let page: HTMLElement;

beforeEach(() => {
  page = document.createElement("div");
  document.body.append(page);
});

afterEach(() => {
  render(null, page);
  page.remove();
});

function shown(text: string): Element {
  render(<Markdown text={text} />, page);
  const markdown = page.querySelector(".markdown");
  if (markdown === null) throw new Error("nothing was shown");
  return markdown;
}

describe("Markdown", () => {
  it("has paragraphs, lines, emphasis and code", () => {
    expect(shown("one *two*\n**three** `<b>`\n\nfour ~~five~~").innerHTML).toBe(
      "<p>one <em>two</em><br><strong>three</strong> <code>&lt;b&gt;</code></p><p>four <s>five</s></p>",
    );
  });

  it("has headings below those of the page", () => {
    expect(shown("# a\n## b\n###### c").innerHTML).toBe("<h3>a</h3><h4>b</h4><h6>c</h6>");
  });

  it("has lists that begin where they say, with boxes", () => {
    const list = shown("3. a\n4. b\n\n- [x] bread\n- [ ] milk\n- [y] tea");
    expect(list.querySelector("ol")?.getAttribute("start")).toBe("3");
    const boxes = [...list.querySelectorAll("input")];
    expect(boxes.map((box) => [box.checked, box.disabled, box.ariaLabel ?? box.getAttribute("aria-label")])).toEqual([
      [true, true, "done"],
      [false, true, "to do"],
    ]);
    expect([...list.querySelectorAll("ul li")].map((item) => item.textContent?.trim())).toEqual([
      "bread",
      "milk",
      "[y] tea",
    ]);
  });

  it("has tables that are aligned, reached by keyboard and copied", () => {
    const table = shown("| a | b |\n|---|--:|\n| 1 | 2 |");
    expect(table.querySelector("th:last-child")?.className).toBe("align-right");
    expect(table.querySelector("td:last-child")?.textContent).toBe("2");
    expect(table.querySelector(".table-scroll")?.getAttribute("tabindex")).toBe("0");
    expect(table.querySelector("button")?.getAttribute("aria-label")).toBe("Copy the table");
  });

  it("names the language of code", () => {
    const code = shown("```python title=x\nprint(1)\n```");
    expect(code.querySelector(".code-head span")?.textContent).toBe("python");
    expect(code.querySelector("pre")?.textContent).toBe("print(1)");
  });

  it("finds names that are defined further down", () => {
    const link = shown("see [docs][1]\n\nmore\n\n[1]: https://example.org/a").querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://example.org/a");
  });

  it("links bare addresses with their scheme", () => {
    const text = shown("at https://example.org/a, not at example.org or ftp://example.org");
    expect([...text.querySelectorAll("a")].map((link) => link.getAttribute("href"))).toEqual(["https://example.org/a"]);
  });

  it("opens links apart from the page and says where they lead", () => {
    const text = shown(
      "[a](https://example.org/x) [https://bank.example](https://evil.example/) [example.org/y](https://example.org/y)",
    );
    const links = [...text.querySelectorAll("a")];
    expect(links.map((link) => [link.target, link.rel])).toEqual(
      links.map(() => ["_blank", "noopener noreferrer nofollow"]),
    );
    expect(text.textContent).toBe("a (example.org) https://bank.example (evil.example) example.org/y");
  });

  it("fetches no pictures", () => {
    const text = shown("![a cat](https://example.org/cat.png) ![b](data:image/png;base64,AAAA)");
    expect(text.querySelector("img")).toBeNull();
    expect(text.textContent).toContain("Picture: a cat (example.org)");
  });

  it("shows what looks like HTML", () => {
    const text = shown("<b>bold</b> <script>alert(1)</script>\n\n<div onclick=x>\n\n&lt;i&gt; &amp;amp;");
    expect(text.textContent).toBe("<b>bold</b> <script>alert(1)</script><div onclick=x><i> &amp;");
  });

  it("shows characters that turn text around", () => {
    expect(shown("a\u202eb").textContent).toBe("aU+202Eb");
    expect(shown("`a\u200bb`").textContent).toBe("aU+200Bb");
  });
});
