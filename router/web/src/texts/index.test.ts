import { afterEach, describe, expect, it, vi } from "vitest";

import { en } from "./en";
import { chosen, type Texts } from "./index";

/** What a translator would write: English, with some of its words changed. */
const de: Texts = { ...en, app: { ...en.app, views: { ...en.app.views, pictures: "Bilder" } } };

/** The paths of all words, and of what is not words. */
function paths(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [`${path}: ${typeof value}`];
  return Object.entries(value).flatMap(([name, inner]) => paths(inner, `${path}.${name}`));
}

afterEach(() => vi.unstubAllGlobals());

describe("the words of the page", () => {
  it.each([
    [["de"], "Bilder"],
    [["de-AT"], "Bilder"],
    [["fr", "de-CH", "en"], "Bilder"],
    [["en-GB", "de"], "Pictures"],
    [["fr"], "Pictures"],
    [[], "Pictures"],
    [["__proto__", "constructor"], "Pictures"],
  ])("for a browser that wants %j", (languages, expected) => {
    expect(chosen(languages, { en, de }).app.views.pictures).toBe(expected);
  });

  it("are those of the browser's languages", async () => {
    vi.resetModules();
    vi.stubGlobal("navigator", { ...navigator, languages: ["xx", "en-GB"] });
    const { texts } = await import("./index");
    expect(texts.app.views.pictures).toBe("Pictures");
  });

  it("are words, or make words of what they are given", () => {
    for (const path of paths(en)) expect(path).toMatch(/: (string|function)$/);
    for (const path of paths(en)) expect(path).not.toMatch(/\.undefined/);
  });

  it("of a further language must be complete", () => {
    // @ts-expect-error -- one word is missing
    const incomplete: Texts = { ...en, app: { ...en.app, skip: undefined } };
    expect(incomplete.app.skip).toBeUndefined();
  });
});
