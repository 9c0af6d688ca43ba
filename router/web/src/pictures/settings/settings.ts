/** What a user asks of a picture, as the form has it. */
import { remember, rememberedJson } from "../../ui/remembered";

export interface PictureSettings {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Empty: the first served model. */
  readonly model: string;
  /** In pixels; null: as the input picture. */
  readonly width: number | null;
  readonly height: number | null;
  readonly steps: number;
  readonly cfgScale: number;
  /** Empty: the model's own. */
  readonly sampler: string;
  readonly scheduler: string;
  /** Null: a new one for every order. */
  readonly seed: number | null;
  readonly count: number;
  /** How far a picture may leave its input, above 0 to 1. */
  readonly strength: number;
}

export const DEFAULTS: PictureSettings = {
  prompt: "",
  negativePrompt: "",
  model: "",
  width: 512,
  height: 512,
  steps: 20,
  cfgScale: 7,
  sampler: "",
  scheduler: "",
  seed: null,
  count: 1,
  strength: 0.75,
};

/** The bounds of the API; docs/api.md has them. */
export const MAX_PROMPT_CHARS = 10_000;
export const MAX_STEPS = 150;
export const MAX_CFG_SCALE = 30;
export const MAX_COUNT = 10;
export const MIN_STRENGTH = 0.01;
/** Greater seeds are not exact in this language. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER - MAX_COUNT;

export const SAMPLERS = [
  "euler",
  "euler_a",
  "heun",
  "dpm2",
  "dpm++2s_a",
  "dpm++2m",
  "dpm++2mv2",
  "ipndm",
  "ipndm_v",
  "lcm",
  "ddim_trailing",
  "tcd",
  "res_multistep",
  "res_2s",
  "er_sde",
] as const;
export const SCHEDULERS = [
  "discrete",
  "karras",
  "exponential",
  "ays",
  "gits",
  "sgm_uniform",
  "simple",
  "smoothstep",
  "kl_optimal",
  "lcm",
  "bong_tangent",
] as const;

const NAME = "nexa.pictures.settings";

/** The settings that the form had when it was last used in this browser. */
export function storedSettings(): PictureSettings {
  const found = rememberedJson(NAME);
  return typeof found === "object" && found !== null ? withinBounds({ ...DEFAULTS, ...found }) : DEFAULTS;
}

export function storeSettings(settings: PictureSettings): void {
  remember(NAME, JSON.stringify(settings));
}

/** `given` with every value replaced that the API would refuse. Its values may have any type. */
export function withinBounds(given: Readonly<Record<keyof PictureSettings, unknown>>): PictureSettings {
  return {
    prompt: text(given.prompt).slice(0, MAX_PROMPT_CHARS),
    negativePrompt: text(given.negativePrompt).slice(0, MAX_PROMPT_CHARS),
    model: text(given.model),
    width: given.width === null ? null : number(given.width, 1, 1 << 16, DEFAULTS.width ?? 512, true),
    height: given.height === null ? null : number(given.height, 1, 1 << 16, DEFAULTS.height ?? 512, true),
    steps: number(given.steps, 1, MAX_STEPS, DEFAULTS.steps, true),
    cfgScale: number(given.cfgScale, 0, MAX_CFG_SCALE, DEFAULTS.cfgScale),
    sampler: oneOf(SAMPLERS, given.sampler),
    scheduler: oneOf(SCHEDULERS, given.scheduler),
    seed: seedOf(given.seed),
    count: number(given.count, 1, MAX_COUNT, DEFAULTS.count, true),
    strength: number(given.strength, MIN_STRENGTH, 1, DEFAULTS.strength),
  };
}

/** A seed that can be asked for; null for a random one, and for what is none. */
export function seedOf(given: unknown): number | null {
  const seed = typeof given === "string" && /^\d{1,19}$/.test(given.trim()) ? Number(given) : given;
  return typeof seed === "number" && Number.isSafeInteger(seed) && seed >= 0 && seed <= MAX_SEED ? seed : null;
}

function text(given: unknown): string {
  return typeof given === "string" ? given.replaceAll("\0", "") : "";
}

function oneOf(known: readonly string[], given: unknown): string {
  return known.find((name) => name === given) ?? "";
}

function number(given: unknown, least: number, most: number, otherwise: number, whole = false): number {
  if (typeof given !== "number" || !Number.isFinite(given)) return otherwise;
  const bounded = Math.min(Math.max(given, least), most);
  return whole ? Math.round(bounded) : bounded;
}
