/** Where a link of a model's answer leads, if it is one that may be followed. */

export interface Target {
  readonly href: string;
  /** The host with its port, as it is asked for (no letters that only look like others); of mail the address. */
  readonly place: string;
}

const MAX_LENGTH = 2048;
const WEB = new Set(["http:", "https:"]);

/** Null for what is not followed: other schemes, places on this server, names before the host that pass for one. */
export function targetOf(link: string): Target | null {
  if (link.length > MAX_LENGTH || !/^(?:https?:\/\/|mailto:)/i.test(link)) return null;
  let url: URL;
  try {
    url = new URL(link);
  } catch {
    return null;
  }
  if (url.protocol === "mailto:") {
    return /^[^\s@<>"]+@[^\s@<>"]+$/.test(url.pathname)
      ? { href: `mailto:${url.pathname}`, place: url.pathname }
      : null;
  }
  if (!WEB.has(url.protocol) || url.host === "" || url.username !== "" || url.password !== "") return null;
  return { href: url.href, place: url.host };
}

/** Whether who reads `text` sees that it leads to `place`. */
export function names(text: string, place: string): boolean {
  const shown = text
    .trim()
    .toLowerCase()
    .replace(/^(?:https?:\/\/|mailto:)/, "");
  return shown === place || ["/", "?", "#"].some((next) => shown.startsWith(place + next));
}
