/** The pieces of a segment that can be heard one by one. */
import type { Segment } from "./transcript";

export interface Piece {
  readonly text: string;
  /** Null for what stands between words. */
  readonly startS: number | null;
}

/** The segment's text in pieces: its words where their times are known, else all of it as one. */
export function piecesOf(segment: Segment): readonly Piece[] {
  const text = segment.text.trim();
  const pieces: Piece[] = [];
  let place = 0;
  for (const word of segment.words) {
    const found = word.text === "" ? -1 : text.indexOf(word.text, place);
    if (found < 0) return [{ text, startS: segment.startS }]; // the words are not those of the text
    if (found > place) pieces.push({ text: text.slice(place, found), startS: null });
    pieces.push({ text: word.text, startS: word.startS });
    place = found + word.text.length;
  }
  if (pieces.length === 0) return [{ text, startS: segment.startS }];
  if (place < text.length) pieces.push({ text: text.slice(place), startS: null });
  return pieces;
}

/** The index of the last time that is not after `timeS`; -1 if all are. `times` ascend. */
export function lastAt(times: readonly number[], timeS: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) <= timeS) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
