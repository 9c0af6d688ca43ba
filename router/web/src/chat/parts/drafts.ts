/** What was typed and not sent, by chat; it outlives a reload of the page. */
import { forget, ofTab, remember, remembered } from "../../ui/remembered";

const PREFIX = "nexa.draft.";

export function draftOf(chat: string | null): string {
  return remembered(PREFIX + (chat ?? ""), ofTab) ?? "";
}

export function keepDraft(chat: string | null, text: string): void {
  const name = PREFIX + (chat ?? "");
  if (text === "") forget(name, ofTab);
  else remember(name, text, ofTab);
}
