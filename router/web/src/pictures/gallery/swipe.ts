/** Reads swipes: 1 for the next picture (to the left), -1 for the one before, 0 for no swipe. */
const MIN_DISTANCE = 48;

export function swipeOf(from: { x: number; y: number }, to: { x: number; y: number }): number {
  const across = to.x - from.x;
  if (Math.abs(across) < MIN_DISTANCE || Math.abs(across) < 2 * Math.abs(to.y - from.y)) return 0;
  return across < 0 ? 1 : -1;
}
