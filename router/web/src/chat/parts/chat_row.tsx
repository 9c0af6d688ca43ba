/** A chat in the list. */
import { useComputed } from "@preact/signals";

import { linkTo } from "../../app/route";
import { proseText } from "../../render/plain";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import type { Chat } from "../store/types";
import { runs } from "../talk/runs";
import { useChatActions } from "./chat_actions";
import { Menu } from "./menu";

export interface ChatRowProps {
  readonly chat: Chat;
  readonly snippet?: string | null;
  readonly isCurrent: boolean;
  readonly onChosen: () => void;
}

export function ChatRow({ chat, snippet = null, isCurrent, onChosen }: ChatRowProps) {
  const title = chat.title === "" ? texts.chat.untitled : chat.title;
  const { actions, dialog } = useChatActions(chat);
  // A row that depends on a signal is shown anew only for other properties: there may be thousands.
  const comes = useComputed(() => [...runs.value.values()].some((run) => run.answer.peek().chat === chat.id)).value;
  return (
    <li class={isCurrent ? "chat-row current" : "chat-row"}>
      <a href={linkTo("chat", chat.id)} aria-current={isCurrent ? "page" : undefined} title={title} onClick={onChosen}>
        <span class="chat-row-title">
          {comes && <span class="chat-coming" role="img" aria-label={texts.chat.comes} />}
          {chat.pinned && <Icon name="pin" size={14} />}
          <bdi>{proseText(title)}</bdi>
        </span>
        {snippet !== null && <span class="chat-snippet">{proseText(snippet)}</span>}
      </a>
      <Menu label={texts.chat.more(title)} actions={actions} />
      {dialog}
    </li>
  );
}
