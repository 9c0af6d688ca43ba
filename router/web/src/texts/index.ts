/** The words of the page. A further language is a file beside en.ts, and a line here. */
import { en } from "./en";

export type Texts = typeof en;

const LANGUAGES: Readonly<Record<string, Texts>> = { en };

export const texts: Texts = chosen(navigator.languages);

/** The words in the first of `languages` that there is; `de-AT` also takes `de`. */
export function chosen(languages: readonly string[], known: Readonly<Record<string, Texts>> = LANGUAGES): Texts {
  for (const language of languages) {
    const name = [language, language.split("-")[0] ?? ""].find((wanted) => Object.hasOwn(known, wanted));
    const found = name === undefined ? undefined : known[name];
    if (found !== undefined) return found;
  }
  return en;
}
