/** The input picture of the form, and its mask. */
import { signal } from "@preact/signals";

import { contextOf } from "../mask/drawing";
import type { MaskHistory } from "../mask/strokes";
import { scaledDown } from "../settings/sizes";

export interface InputPicture {
  /** As it was given. */
  readonly file: Blob;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly mask: InputMask | null;
}

export interface InputMask {
  /** The input, decoded and encoded anew, so that it has the size of the mask whatever its file says. */
  readonly input: Blob;
  readonly file: Blob;
  readonly history: MaskHistory;
}

/** The longest side of an input with a mask: larger ones are scaled down on the way to the server anyway. */
export const MAX_MASKED_SIDE = 2048;
const MAX_PIXELS = 100_000_000;

export const inputPicture = signal<InputPicture | null>(null);

/** Take a file as the input. False if the browser cannot show it. */
export async function takeInput(file: Blob, name: string): Promise<boolean> {
  const bitmap = await decodedPicture(file);
  if (bitmap === null) return false;
  inputPicture.value = { file, name, width: bitmap.width, height: bitmap.height, mask: null };
  bitmap.close();
  return true;
}

/** The picture in a file, turned as its metadata say; null if there is none. */
export async function decodedPicture(file: Blob): Promise<ImageBitmap | null> {
  try {
    const bitmap = await createImageBitmap(file);
    if (bitmap.width * bitmap.height <= MAX_PIXELS) return bitmap;
    bitmap.close();
  } catch (error) {
    console.info("not a picture", error);
  }
  return null;
}

/** The input as a PNG file of the size in which masks are painted. */
export async function maskedInput(file: Blob): Promise<HTMLCanvasElement> {
  const bitmap = await decodedPicture(file);
  if (bitmap === null) throw new Error("the input picture cannot be read any more");
  const { width, height } = scaledDown(bitmap, MAX_MASKED_SIDE);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  contextOf(canvas).drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}
