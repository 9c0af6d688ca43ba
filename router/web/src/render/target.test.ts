import { describe, expect, it } from "vitest";

import { names, targetOf } from "./target";

describe("targetOf", () => {
  it.each([
    ["https://example.org/a?b#c", "https://example.org/a?b#c", "example.org"],
    ["HTTP://EXAMPLE.org:8080", "http://example.org:8080/", "example.org:8080"],
    ["mailto:a@example.org", "mailto:a@example.org", "a@example.org"],
    ["mailto:a@example.org?bcc=b@example.org", "mailto:a@example.org", "a@example.org"],
    ["https://аpple.com/", "https://xn--pple-43d.com/", "xn--pple-43d.com"],
  ])("of %s is %s at %s", (link, href, place) => {
    expect(targetOf(link)).toEqual({ href, place });
  });

  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.org/1",
    "//example.org",
    "/v1/keys",
    "#/status",
    "?a",
    "",
    "https://",
    "https://bank.example@evil.example/",
    "https://user:pass@evil.example/",
    "mailto:",
    `https://example.org/${"a".repeat(3000)}`,
  ])("of %j is none", (link) => {
    expect(targetOf(link)).toBeNull();
  });
});

describe("names", () => {
  it.each([
    ["https://example.org/a", "example.org", true],
    ["example.org", "example.org", true],
    ["example.org.evil.example", "example.org", false],
    ["https://bank.example", "evil.example", false],
    ["docs", "example.org", false],
  ])("%s names %s: %s", (text, place, expected) => {
    expect(names(text, place)).toBe(expected);
  });
});
