/**
 * The parameters of a picture as the text that image programs keep in its file: the prompt, `Negative prompt: …`, and a
 * line of names and values. Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `modules/infotext_utils.py`
 */
import { type PictureSettings, seedOf, withinBounds, SAMPLERS, SCHEDULERS, DEFAULTS } from "./settings";

export const KEYWORD = "parameters";
const NEGATIVE = "Negative prompt:";
const PAIR = /\s*(\w[\w \-/]{1,40}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g;
const MIN_PAIRS = 3;
const MAX_CHARS = 100_000;
/** Longer lines are no list of values; the pattern above would take long to find that out. */
const MAX_LINE_CHARS = 10_000;

/** Names of samplers and schedules in AUTOMATIC1111's form. */
const OTHER_SAMPLERS: Readonly<Record<string, string>> = {
  "euler a": "euler_a",
  "dpm++ 2m": "dpm++2m",
  "dpm++ 2m karras": "dpm++2m",
  "dpm++ 2s a": "dpm++2s_a",
  "dpm++ 2s a karras": "dpm++2s_a",
};

/** The settings that a text has; those it does not name stay as they are in `before`. Null if it has none at all. */
export function readParameters(text: string, before: PictureSettings): PictureSettings | null {
  const lines = text.slice(0, MAX_CHARS).trim().split(/\r?\n/);
  const values = pairs(lines.at(-1) ?? "");
  if (values !== null) lines.pop();
  const negative = lines.findIndex((line) => line.startsWith(NEGATIVE));
  const prompt = (negative < 0 ? lines : lines.slice(0, negative)).join("\n").trim();
  if (values === null && negative < 0) return null;
  const avoided = negative < 0 ? "" : lines.slice(negative).join("\n").slice(NEGATIVE.length).trim();
  return withinBounds({ ...before, ...settingsOf(values ?? new Map()), prompt, negativePrompt: avoided, count: 1 });
}

/** The values of the last line by their names in small letters; null if it is not such a line. */
function pairs(line: string): ReadonlyMap<string, string> | null {
  const found = new Map<string, string>();
  if (line.length > MAX_LINE_CHARS) return null;
  for (const [, name = "", value = ""] of line.matchAll(PAIR))
    found.set(name.trim().toLowerCase(), unquoted(value.trim()));
  return found.size >= MIN_PAIRS || found.has("steps") ? found : null;
}

function settingsOf(values: ReadonlyMap<string, string>): Partial<Record<keyof PictureSettings, unknown>> {
  const sampler = values.get("sampler");
  const size = /^(\d{1,5})x(\d{1,5})$/.exec(values.get("size") ?? "");
  return defined({
    model: values.get("model"),
    steps: numberOf(values.get("steps")),
    cfgScale: numberOf(values.get("cfg scale")),
    seed: seedOf(values.get("seed")) ?? undefined,
    width: size === null ? undefined : Number(size[1]),
    height: size === null ? undefined : Number(size[2]),
    strength: numberOf(values.get("denoising strength")),
    sampler: sampler === undefined ? undefined : known(SAMPLERS, OTHER_SAMPLERS[sampler.toLowerCase()] ?? sampler),
    scheduler: known(
      SCHEDULERS,
      values.get("schedule type") ?? (/ karras$/i.test(sampler ?? "") ? "karras" : undefined),
    ),
  });
}

function known(names: readonly string[], given: string | undefined): string | undefined {
  const looked = given?.toLowerCase().replaceAll(" ", "_");
  return names.find((name) => name === looked);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    const text: unknown = JSON.parse(value);
    return typeof text === "string" ? text : value;
  } catch {
    return value; // it only looks quoted
  }
}

function defined<Value>(values: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).filter((pair): pair is [string, Value] => pair[1] !== undefined));
}

/** The settings as such a text, for the clipboard. */
export function writeParameters(settings: PictureSettings): string {
  const values: readonly (readonly [string, string | number | null])[] = [
    ["Steps", settings.steps],
    ["Sampler", settings.sampler || null],
    ["Schedule type", settings.scheduler || null],
    ["CFG scale", settings.cfgScale],
    ["Seed", settings.seed],
    ["Size", settings.width === null || settings.height === null ? null : `${settings.width}x${settings.height}`],
    ["Model", settings.model || null],
    ["Denoising strength", settings.strength === DEFAULTS.strength ? null : settings.strength],
  ];
  const line = values
    .flatMap(([name, value]) => (value === null ? [] : [`${name}: ${quoted(String(value))}`]))
    .join(", ");
  const negative = settings.negativePrompt === "" ? [] : [`${NEGATIVE} ${settings.negativePrompt}`];
  return [settings.prompt, ...negative, line].join("\n");
}

function quoted(value: string): string {
  return /[,:\n"]/.test(value) ? JSON.stringify(value) : value;
}
