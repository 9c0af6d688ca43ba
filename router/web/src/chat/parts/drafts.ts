/** What was typed and not sent, by chat; it outlives a reload of the page. */
const PREFIX = "nexa.draft.";

export function draftOf(chat: string | null): string {
  try {
    return sessionStorage.getItem(PREFIX + (chat ?? "")) ?? "";
  } catch {
    return ""; // storage is forbidden
  }
}

export function keepDraft(chat: string | null, text: string): void {
  try {
    if (text === "") sessionStorage.removeItem(PREFIX + (chat ?? ""));
    else sessionStorage.setItem(PREFIX + (chat ?? ""), text);
  } catch (error) {
    console.warn("a draft could not be kept", error);
  }
}
