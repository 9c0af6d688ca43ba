/** Arrows between the versions of a message. */
import { texts } from "../../texts";
import { showBranch } from "../store/store";
import { alternatives, type Messages } from "../store/tree";
import type { Message } from "../store/types";
import { IconButton } from "./icon_button";

const words = texts.chat;

export function Branches({ messages, message }: { readonly messages: Messages; readonly message: Message }) {
  const versions = alternatives(messages, message);
  const at = versions.findIndex((one) => one.id === message.id);
  if (versions.length < 2) return null;
  const step = (by: number) => {
    const next = versions[at + by];
    if (next !== undefined) void showBranch(next);
  };
  return (
    <div class="branches" role="group" aria-label={words.branchLabel(at + 1, versions.length)}>
      <IconButton icon="left" label={words.earlier} disabled={at === 0} onClick={() => step(-1)} />
      <span aria-hidden="true">{words.branch(at + 1, versions.length)}</span>
      <IconButton icon="right" label={words.later} disabled={at === versions.length - 1} onClick={() => step(1)} />
    </div>
  );
}
