import { render, type VNode } from "preact";
import { describe, expect, it } from "vitest";

import { mathOf } from "./mathml";

function math(source: string, display = false): Element {
  const page = document.createElement("div");
  render(withoutStyles(mathOf(source, display)), page);
  return page;
}

/** MathML has no styles in the page that tests have; they are checked for themselves. */
function withoutStyles(made: unknown): VNode | null {
  each(made, (node) => {
    for (const value of Object.values(node.props["style"] ?? {})) expect(value).toMatch(/^[\w .%#-]*$/);
    delete node.props["style"];
  });
  return made as VNode | null;
}

type Node = VNode<Record<string, unknown>>;

function each(made: unknown, action: (node: Node) => void): void {
  if (Array.isArray(made)) made.forEach((child) => each(child, action));
  else if (typeof made === "object" && made !== null) {
    action(made as Node);
    each((made as Node).props["children"], action);
  }
}

describe("mathOf", () => {
  it("makes MathML of TeX", () => {
    const fraction = math("\\frac{a}{b}", true);
    expect(fraction.querySelector("math > mfrac")?.textContent).toBe("ab");
    expect(fraction.querySelector("math")?.getAttribute("display")).toBe("block");
    expect(math("\\begin{matrix}1&2\\\\3&4\\end{matrix}").querySelectorAll("mtd")).toHaveLength(4);
    expect(math("\\sqrt{x^2}").querySelector("msqrt")).not.toBeNull();
  });

  it.each(["\\frac{", "\\nosuch", "}", "\\begin{matrix}", "a^b^c"])("is null for what is not TeX: %s", (source) => {
    expect(mathOf(source, false)).toBeNull();
  });

  it.each([
    "\\href{javascript:alert(1)}{x}",
    "\\href{https://evil.example}{x}",
    "\\url{https://evil.example}",
    "\\includegraphics{https://evil.example/a.png}",
    "\\class{shell}{x}",
    "\\id{page}{x}",
    "\\style{position:fixed}{x}",
    "\\data{a=b}{x}",
    "\\ref{a}",
    "x \\label{page}",
    "\\text{<img src=x onerror=alert(1)>}",
    "\\color{red;background:url(https://evil.example)}{x}",
    "\\colorbox{red}{x}",
  ])("has no links, pictures, names or foreign styles: %s", (source) => {
    const made = math(source);
    expect(made.querySelectorAll("a, img, script, [href], [src], [id], [onerror], [class~=shell]")).toHaveLength(0);
    expect(made.innerHTML).not.toContain("url(");
  });

  it.each([
    ["nesting", "{".repeat(2000) + "x" + "}".repeat(2000)],
    ["roots", "\\sqrt{".repeat(500) + "x" + "}".repeat(500)],
    [
      "macros that grow",
      `\\def\\a{xxxxxxxxxx}${"bcdefgh"
        .split("")
        .map((name, index) => `\\def\\${name}{${`\\${"abcdefg"[index]}`.repeat(10)}}`)
        .join("")}\\h`,
    ],
    ["macros that go round", "\\def\\a{\\a\\a}\\a"],
    ["length", "x+".repeat(2500) + "x"],
    ["sizes", "\\rule{9999em}{9999em}\\kern9999em\\raisebox{9999em}{x}"],
  ])("bears %s", (_, source) => {
    const made = mathOf(source, true);
    expect(made === null || made.type === "math").toBe(true);
  });

  it("limits sizes", () => {
    expect(math("\\rule{9999em}{9999em}").innerHTML).not.toContain("9999");
  });
});
