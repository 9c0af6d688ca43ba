/** What can be done with a chat as a whole: rename, pin, save, delete. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";

import { linkTo, navigate, route } from "../../app/route";
import { fileName, saveFile } from "../../media/save";
import { texts } from "../../texts";
import { Dialog } from "../../ui/dialog";
import { exportedJson, exportedMarkdown } from "../store/exported";
import { changeChat, database, deleteChat } from "../store/store";
import { cut } from "../store/titles";
import type { Chat, Message } from "../store/types";
import { stopChat } from "../talk/runs";
import type { MenuAction } from "./menu";

const words = texts.chat;

export interface ChatActions {
  readonly actions: readonly MenuAction[];
  readonly dialog: VNode | null;
}

export function useChatActions(chat: Chat): ChatActions {
  const [asked, setAsked] = useState<"rename" | "remove" | null>(null);
  const close = () => setAsked(null);
  const actions: MenuAction[] = [
    { label: words.rename, icon: "edit", run: () => setAsked("rename") },
    { label: chat.pinned ? words.unpin : words.pin, icon: "pin", run: () => void pin(chat) },
    { label: words.exportMarkdown, icon: "download", run: () => void saveMarkdown(chat) },
    { label: words.exportJson, icon: "download", run: () => void saveJson(chat) },
    { label: words.remove, icon: "trash", danger: true, run: () => setAsked("remove") },
  ];
  if (asked === "rename") return { actions, dialog: <RenameDialog chat={chat} onClose={close} /> };
  if (asked === "remove") return { actions, dialog: <RemoveDialog chat={chat} onClose={close} /> };
  return { actions, dialog: null };
}

interface DialogProps {
  readonly chat: Chat;
  readonly onClose: () => void;
}

function RenameDialog({ chat, onClose }: DialogProps) {
  const [title, setTitle] = useState(chat.title);
  return (
    <Dialog title={words.renameTitle} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void changeChat(chat.id, (before) => ({ ...before, title: cut(title) }));
          onClose();
        }}
      >
        <label class="field">
          <span class="label">{words.title}</span>
          <input class="input" autofocus value={title} onInput={(event) => setTitle(event.currentTarget.value)} />
        </label>
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>
            {words.cancel}
          </button>
          <button type="submit" class="button primary">
            {words.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveDialog({ chat, onClose }: DialogProps) {
  return (
    <Dialog title={words.removeTitle} onClose={onClose}>
      <p>{words.removeText(chat.title)}</p>
      <div class="actions">
        <button type="button" class="button" autofocus onClick={onClose}>
          {words.cancel}
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => {
            onClose();
            void remove(chat);
          }}
        >
          {words.remove}
        </button>
      </div>
    </Dialog>
  );
}

async function pin(chat: Chat): Promise<void> {
  await changeChat(chat.id, (before) => ({ ...before, pinned: !before.pinned }));
}

async function remove(chat: Chat): Promise<void> {
  const isShown = route.value.view === "chat" && route.value.rest[0] === chat.id;
  await deleteChat(chat.id);
  stopChat(chat.id);
  if (isShown) navigate(linkTo("chat"), true);
}

async function saveMarkdown(chat: Chat): Promise<void> {
  const messages = new Map((await messagesOf(chat)).map((message) => [message.id, message]));
  const text = exportedMarkdown(chat, messages, { you: words.you, thought: words.thoughtNoTime });
  saveFile(`${fileName(chat.title)}.md`, new Blob([text], { type: "text/markdown" }));
}

async function saveJson(chat: Chat): Promise<void> {
  const text = exportedJson([{ chat, messages: await messagesOf(chat) }]);
  saveFile(`${fileName(chat.title)}.json`, new Blob([text], { type: "application/json" }));
}

async function messagesOf(chat: Chat): Promise<Message[]> {
  return (await database()).messages(chat.id);
}
