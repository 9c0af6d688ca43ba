/** An order of pictures, and the request that it becomes. */
import type { PictureSettings } from "../settings/settings";

export interface WaitingPictures {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly settings: PictureSettings;
  readonly input: Blob | null;
  /** Transparent where to paint. */
  readonly mask: Blob | null;
}

export interface PictureRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> | FormData;
}

const PREVIEWS = 3;

export function requestOf({ settings, input, mask }: WaitingPictures): PictureRequest {
  const fields = fieldsOf(settings);
  if (input === null) return { path: "v1/images/generations", body: fields };
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
  form.set("strength", String(settings.strength));
  form.set("image", input, "input");
  if (mask !== null) form.set("mask", mask, "mask.png");
  return { path: "v1/images/edits", body: form };
}

function fieldsOf(settings: PictureSettings): Record<string, string | number | boolean> {
  const { width, height, model, sampler, scheduler } = settings;
  return {
    prompt: settings.prompt,
    negative_prompt: settings.negativePrompt,
    ...(model === "" ? {} : { model }),
    ...(width === null ? {} : { width }),
    ...(height === null ? {} : { height }),
    n: settings.count,
    sample_steps: settings.steps,
    cfg_scale: settings.cfgScale,
    ...(sampler === "" ? {} : { sampler }),
    ...(scheduler === "" ? {} : { scheduler }),
    seed: settings.seed ?? -1,
    stream: true,
    previews: PREVIEWS,
  };
}
