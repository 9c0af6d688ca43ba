/** Sizes of pictures: multiples of 64 pixels, up to what the server allows. */
export const SIDE_STEP = 64;
const OTHERWISE_MAX_SIDE = 1024;

export interface Size {
  readonly width: number;
  readonly height: number;
}

export type SizeShape = "square" | "portrait" | "landscape";

export interface SizePreset extends Size {
  readonly shape: SizeShape;
}

const PRESETS: readonly SizePreset[] = [
  { shape: "square", width: 256, height: 256 },
  { shape: "square", width: 512, height: 512 },
  { shape: "portrait", width: 512, height: 768 },
  { shape: "landscape", width: 768, height: 512 },
  { shape: "square", width: 768, height: 768 },
  { shape: "square", width: 1024, height: 1024 },
  { shape: "portrait", width: 832, height: 1216 },
  { shape: "landscape", width: 1216, height: 832 },
];

/** The largest side that can be asked for. */
export function maxSide(told: number | null | undefined): number {
  const side = told ?? OTHERWISE_MAX_SIDE;
  return Math.max(SIDE_STEP, side - (side % SIDE_STEP));
}

export function presets(largest: number): readonly SizePreset[] {
  const fitting = PRESETS.filter(({ width, height }) => Math.max(width, height) <= largest);
  return fitting.length > 0 ? fitting : [{ shape: "square", width: largest, height: largest }];
}

/** The nearest side that can be asked for. */
export function nearestSide(side: number, largest: number): number {
  const rounded = Math.round(side / SIDE_STEP) * SIDE_STEP;
  return Math.min(Math.max(rounded, SIDE_STEP), largest);
}

/** `size` scaled down, so that its longer side is at most `largest`; whole pixels. */
export function scaledDown(size: Size, largest: number): Size {
  const scale = Math.min(1, largest / Math.max(size.width, size.height));
  return {
    width: Math.max(1, Math.round(size.width * scale)),
    height: Math.max(1, Math.round(size.height * scale)),
  };
}
