/** The view that the URL's hash names, such as `#/chat/4f2a`. */
import { signal } from "@preact/signals";

/** The views that have a tab. */
export const TABS = ["chat", "pictures", "speech", "status"] as const;
export const VIEWS = [...TABS, "help"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface Route {
  readonly view: ViewName;
  /** What stands behind the view's name, decoded. */
  readonly rest: readonly string[];
}

export const route = signal<Route>(parseRoute(location.hash));

export function parseRoute(hash: string): Route {
  const [name = "", ...rest] = hash.replace(/^#\/?/, "").split("/");
  const view = VIEWS.find((known) => known === name) ?? "chat";
  return { view, rest: rest.filter((part) => part !== "").map(decoded) };
}

/** The link to a view. */
export function linkTo(view: ViewName, ...rest: readonly string[]): string {
  return `#/${[view, ...rest.map(encodeURIComponent)].join("/")}`;
}

/** Show a view; `replace` leaves no step to go back to. */
export function navigate(link: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", link);
    route.value = parseRoute(link);
  } else {
    location.hash = link;
  }
}

export function followHash(): void {
  window.addEventListener("hashchange", () => (route.value = parseRoute(location.hash)));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
