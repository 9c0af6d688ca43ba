/** The chat view: the list of chats, and the one that is shown. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { linkTo, navigate } from "../app/route";
import type { ViewProps } from "../app/views";
import { texts } from "../texts";
import { toast } from "../ui/toast";
import { Announcer } from "./parts/announcer";
import { Sidebar } from "./parts/sidebar";
import { Talk } from "./parts/talk";
import { chats, openChat, opened, removedElsewhere, storeError } from "./store/store";
import { startTalk } from "./talk/resume";
import "./styles/list.css";
import "./styles/messages.css";
import "./styles/talk.css";

const words = texts.chat;

export function ChatView({ rest }: ViewProps) {
  const id = rest[0] ?? null;
  const [listIsOpen, setListIsOpen] = useState(false);
  const closeList = useCallback(() => setListIsOpen(false), []);
  useEffect(() => void startTalk(), []);
  useOpened(id);
  useKeys(closeList);
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!listIsOpen) return;
    const before = document.activeElement;
    list.current?.querySelector("a")?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, [listIsOpen]);
  const open = opened.value;
  const isThere = id === null || open?.chat.id === id;
  return (
    <div class={listIsOpen ? "chat with-list" : "chat"}>
      <nav class="chat-list" ref={list} aria-label={words.list}>
        <Sidebar current={id} onClose={closeList} />
      </nav>
      {listIsOpen && <div class="chat-shade" onClick={() => setListIsOpen(false)} />}
      <section class="chat-main">
        {storeError.value !== null && (
          <p class="notice bad" role="alert">
            {words.notKept(storeError.value)}
          </p>
        )}
        {isThere && (
          <Talk open={id === null ? null : open} listIsOpen={listIsOpen} onList={() => setListIsOpen(true)} />
        )}
      </section>
      <Announcer chat={id} />
    </div>
  );
}

/** Ctrl+Shift+O begins a new chat; Escape closes the list. */
function useKeys(closeList: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "o") {
        event.preventDefault();
        navigate(linkTo("chat"));
      } else if (event.key === "Escape") closeList();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** Read the chat that the address names. One that is not in this browser is told, and a new one shown instead. */
function useOpened(id: string | null): void {
  const isRead = chats.value !== null;
  useEffect(() => {
    if (!isRead || opened.peek()?.chat.id === (id ?? undefined)) return;
    void openChat(id).then((isThere) => {
      if (isThere) return;
      toast(words.gone);
      navigate(linkTo("chat"), true);
    });
  }, [id, isRead]);
  const removed = removedElsewhere.value;
  useEffect(() => {
    if (removed === null) return;
    removedElsewhere.value = null;
    if (removed === id) navigate(linkTo("chat"), true);
  }, [removed]);
  const title = opened.value?.chat.id === id ? opened.value?.chat.title : undefined;
  useEffect(() => {
    document.title = title === undefined || title === "" ? texts.app.name : `${title} · ${texts.app.name}`;
  }, [title]);
}
