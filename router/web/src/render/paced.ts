/** Shows a value that changes often only as often as the screen does, and less often where showing it takes long. */
import { useEffect, useRef, useState } from "preact/hooks";

/** Of the time that the page has, showing the value takes a fifth at most. */
const PAUSE_PER_COST = 4;
const FRAME_MS = 16;

/**
 * `value` as it was at the last frame, or `value` itself if not `paced`.
 *
 * @param cost how long the last showing took, in milliseconds.
 */
export function usePaced<Value>(value: Value, paced: boolean, cost: { readonly current: number }): Value {
  const [shown, show] = useState(value);
  const latest = useRef(value);
  const stop = useRef<(() => void) | null>(null);
  latest.current = value;
  useEffect(() => {
    if (!paced || stop.current !== null || shown === value) return;
    stop.current = onLaterFrame(PAUSE_PER_COST * cost.current, () => {
      stop.current = null;
      show(latest.current);
    });
  }, [value, shown, paced]);
  useEffect(() => () => stop.current?.(), []);
  return paced ? shown : value;
}

/** Calls `action` on a frame after `ms`; the function returned gives that up. */
function onLaterFrame(ms: number, action: () => void): () => void {
  let frame = 0;
  const next = () => (frame = requestAnimationFrame(action));
  if (ms < FRAME_MS) {
    next();
    return () => cancelAnimationFrame(frame);
  }
  const timer = setTimeout(next, ms);
  return () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  };
}
