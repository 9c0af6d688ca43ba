/** Light or dark: the system's choice, unless the user chose in this browser. */
import { effect, signal } from "@preact/signals";

import { remember, remembered } from "../ui/remembered";

export type Theme = "system" | "light" | "dark";

const NAME = "nexa.theme";
const THEMES: readonly Theme[] = ["system", "light", "dark"];

export const theme = signal<Theme>(stored());

export function nextTheme(): void {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  theme.value = next ?? "system";
  remember(NAME, theme.value);
}

export function applyTheme(): void {
  effect(() => {
    if (theme.value === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme.value;
  });
}

function stored(): Theme {
  const found = remembered(NAME);
  return THEMES.find((known) => known === found) ?? "system";
}
