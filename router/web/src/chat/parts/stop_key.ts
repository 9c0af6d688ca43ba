/** Escape stops the answer that is coming, wherever the focus is. */
import { useEffect } from "preact/hooks";

/** What Escape closes first. */
const ABOVE = "dialog[open], .with-list, [role=menu]";

export function useStopKey(answers: boolean, stop: () => void): void {
  useEffect(() => {
    if (!answers) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
      if (document.querySelector(ABOVE) === null) stop();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
