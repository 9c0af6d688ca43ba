/** Whether the page is used with fingers: nothing can then be dropped on it. */
export function isTouched(): boolean {
  return window.matchMedia("(pointer: coarse)").matches;
}
