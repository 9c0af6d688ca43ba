import { expect, test } from "vitest";

import { isEmpty, type MaskStep, pointIn, redo, undo, UNTOUCHED, withStep } from "./strokes";

const PAINT: MaskStep = { kind: "paint", diameter: 10, points: [{ x: 1, y: 2 }] };
const ERASE: MaskStep = { ...PAINT, kind: "erase" };

test("steps are taken back and done again, until another one is done", () => {
  const both = withStep(withStep(UNTOUCHED, PAINT), ERASE);
  expect(undo(both)).toEqual({ steps: [PAINT], undone: [ERASE] });
  expect(redo(undo(both))).toEqual(both);
  expect(undo(UNTOUCHED)).toEqual(UNTOUCHED);
  expect(redo(both)).toEqual(both);
  expect(withStep(undo(both), { kind: "invert" }).undone).toEqual([]);
});

test("nothing is marked before the first stroke, and after clearing", () => {
  const steps = (...kinds: readonly MaskStep[]) => ({ steps: kinds, undone: [] });
  expect(isEmpty(UNTOUCHED)).toBe(true);
  expect(isEmpty(steps(ERASE))).toBe(true);
  expect(isEmpty(steps(PAINT))).toBe(false);
  expect(isEmpty(steps(PAINT, { kind: "clear" }))).toBe(true);
  expect(isEmpty(steps({ kind: "clear" }, { kind: "invert" }))).toBe(false);
});

test("a pointer is where it is in the picture, however large that is shown", () => {
  const box = { left: 100, top: 50, width: 300, height: 200 };
  expect(pointIn(box, { clientX: 250, clientY: 150 }, 1200, 800)).toEqual({ x: 600, y: 400 });
});
