/** The words of the page. A further language is a file beside en.ts, and a line here. */
import { en } from "./en";

export type Texts = typeof en;

const LANGUAGES: Readonly<Record<string, Texts>> = { en };

export const texts: Texts = chosen(navigator.languages);

export function chosen(languages: readonly string[]): Texts {
  for (const language of languages) {
    const found = LANGUAGES[language] ?? LANGUAGES[language.split("-")[0] ?? ""];
    if (found !== undefined) return found;
  }
  return en;
}
