/** How far an order has come, from the events of its stream (docs/api.md, "Streams"). */
export interface Progress {
  /** The place in the server's queue; 0 where it is not known. */
  readonly position: number;
  readonly step: number;
  /** 0 before the first step. */
  readonly steps: number;
  /** Unfinished pictures as base64 of PNG files, by their number. */
  readonly previews: Readonly<Record<number, string>>;
  readonly finished: number;
}

export interface FinishedPicture {
  readonly index: number;
  readonly base64: string;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
}

export const NOT_BEGUN: Progress = { position: 0, step: 0, steps: 0, previews: {}, finished: 0 };

/** The progress after an event, and the picture that it brings. Events of other types change nothing. */
export function afterEvent(progress: Progress, data: string): [Progress, FinishedPicture | null] {
  const event = JSON.parse(data) as Readonly<Record<string, unknown>>;
  const type = String(event["type"]).split(".").at(-1);
  const index = numberOf(event["index"]);
  if (type === "progress") {
    return [{ ...progress, position: 0, step: numberOf(event["step"]), steps: numberOf(event["steps"]) }, null];
  }
  if (type === "partial_image") {
    return [{ ...progress, previews: { ...progress.previews, [index]: String(event["b64_json"]) } }, null];
  }
  if (type !== "completed") return [progress, null];
  const { [index]: _, ...previews } = progress.previews;
  const [width, height] = String(event["size"]).split("x").map(Number);
  const picture = {
    index,
    base64: String(event["b64_json"]),
    seed: numberOf(event["seed"]),
    width: width ?? 0,
    height: height ?? 0,
  };
  return [{ ...progress, previews, finished: progress.finished + 1 }, picture];
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
