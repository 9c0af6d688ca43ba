import { describe, expect, it } from "vitest";

import { highlighted, textOf } from "./highlighter";
import { LANGUAGES } from "./languages";

describe("highlighted", () => {
  it("tells words apart", () => {
    expect(highlighted("def f(): # x", "python")).toEqual([
      { kind: "keyword", pieces: ["def"] },
      " ",
      { kind: "title", pieces: ["f"] },
      "()",
      ": ",
      { kind: "comment", pieces: ["# x"] },
    ]);
  });

  it.each(["py", "js", "TS", "c++", "html", "sh", "yml"])("knows %s by its other name", (language) => {
    expect(highlighted("x", language)).not.toBeNull();
  });

  it.each(["", "nosuch", "__proto__", "constructor", "toString"])("does not know %j", (language) => {
    expect(highlighted("x", language)).toBeNull();
  });

  it("keeps all of the code, also where languages are in each other", () => {
    const page = "<style>a { color: red }</style>\n<script>let a = `${1}`;</script>\n<p title='x'>&amp;</p>";
    expect(textOf(highlighted(page, "html") ?? [])).toBe(page);
  });

  it.each(Object.keys(LANGUAGES))("%s bears hostile code", (language) => {
    for (const part of [
      "(",
      "[",
      "{",
      '"',
      "'",
      "`",
      "\\",
      "<",
      "<a ",
      "/*",
      "a.",
      "a:",
      "0",
      "0x",
      "1e",
      "#",
      "$(",
      "@",
      "-",
      " ",
      "\n",
      "::",
      "=>",
      "${",
      "<<A\n",
    ]) {
      const code = part.repeat(1000);
      const pieces = highlighted(code, language);
      expect(pieces === null || textOf(pieces) === code).toBe(true);
    }
  });
});
