/** The time, for what shows how long something takes. */
import { useEffect, useState } from "preact/hooks";

const TICK_MS = 200;

/** Now; while `runs`, the component is shown again and again. */
export function useNow(runs: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [runs]);
  return runs ? now : Date.now();
}
