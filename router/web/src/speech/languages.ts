import { texts } from "../texts";

/** The languages that Whisper knows, as the server takes their codes (router/schemas/languages.py). */
export const LANGUAGES = (
  "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ja " +
  "jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq " +
  "sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh"
).split(" ");

const OTHER_CODES: Readonly<Record<string, string>> = { jw: "jv" };

/** The name of a language in `locale`; where the browser knows none, ours or the code. */
export function languageName(code: string, locale: string): string {
  try {
    const name = new Intl.DisplayNames([locale], { type: "language" }).of(OTHER_CODES[code] ?? code) ?? code;
    return name === code ? (texts.speech.unnamedLanguages[code] ?? code) : name;
  } catch {
    return code; // no code of a language, such as one that a server made up
  }
}

/** All languages by their names, in the order of `locale`. */
export function namedLanguages(locale: string): readonly (readonly [code: string, name: string])[] {
  const named = LANGUAGES.map((code) => [code, languageName(code, locale)] as const);
  return named.sort(([, one], [, other]) => one.localeCompare(other, locale));
}
