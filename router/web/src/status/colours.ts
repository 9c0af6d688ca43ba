/** The page's colours as a canvas needs them: resolved, and again when light becomes dark. */
import { useEffect, useState } from "preact/hooks";

import { theme } from "../app/theme";

export const SERIES = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6"] as const;

/** The name of the colour of a series; after the last one the first comes again. */
export function seriesColour(index: number): string {
  return SERIES[index % SERIES.length] ?? SERIES[0];
}

/** The value of a colour within `element`: browsers do not resolve `light-dark()` in custom properties themselves. */
export function resolved(element: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.setProperty("color", `var(${name})`);
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Changes when the page turns light or dark. */
export function useAppearance(): string {
  const query = "(prefers-color-scheme: dark)";
  const [dark, setDark] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const look = () => setDark(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, []);
  return `${theme.value} ${dark}`;
}
