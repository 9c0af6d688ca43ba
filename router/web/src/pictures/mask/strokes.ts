/** What a user has painted over a picture: steps that can be taken back. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Stroke {
  readonly kind: "paint" | "erase";
  /** In pixels of the picture. */
  readonly diameter: number;
  readonly points: readonly Point[];
}

export type MaskStep = Stroke | { readonly kind: "clear" } | { readonly kind: "invert" };

export interface MaskHistory {
  readonly steps: readonly MaskStep[];
  /** Steps that were taken back, the next one last. */
  readonly undone: readonly MaskStep[];
}

export const UNTOUCHED: MaskHistory = { steps: [], undone: [] };

export function withStep(history: MaskHistory, step: MaskStep): MaskHistory {
  return { steps: [...history.steps, step], undone: [] };
}

export function undo({ steps, undone }: MaskHistory): MaskHistory {
  const last = steps.at(-1);
  return last === undefined ? { steps, undone } : { steps: steps.slice(0, -1), undone: [...undone, last] };
}

export function redo({ steps, undone }: MaskHistory): MaskHistory {
  const next = undone.at(-1);
  return next === undefined ? { steps, undone } : { steps: [...steps, next], undone: undone.slice(0, -1) };
}

/** Whether anything can be painted: without any of this, a mask would have no effect. */
export function isEmpty({ steps }: MaskHistory): boolean {
  let empty = true;
  for (const step of steps) {
    if (step.kind === "clear") empty = true;
    else if (step.kind !== "erase") empty = false;
  }
  return empty;
}

/** Where a pointer is in a picture of `width` x `height` pixels that is shown in `box`. */
export function pointIn(
  box: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
  pointer: { readonly clientX: number; readonly clientY: number },
  width: number,
  height: number,
): Point {
  return {
    x: ((pointer.clientX - box.left) / box.width) * width,
    y: ((pointer.clientY - box.top) / box.height) * height,
  };
}
