/** The list of chats, with search, import and export. */
import { useEffect, useRef, useState } from "preact/hooks";

import { linkTo, navigate } from "../../app/route";
import { saveFile } from "../../media/save";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";
import { checkedImport, ImportError } from "../store/checked";
import { grouped } from "../store/days";
import { exportedJson } from "../store/exported";
import { type Found, search } from "../store/search";
import { chats, database, readIn } from "../store/store";
import { ChatRow } from "./chat_row";
import { IconButton } from "./icon_button";
import { Menu } from "./menu";

const SEARCH_MS = 150;
const words = texts.chat;

export interface SidebarProps {
  readonly current: string | null;
  readonly onClose: () => void;
}

export function Sidebar({ current, onClose }: SidebarProps) {
  const [query, setQuery] = useState("");
  const found = useFound(query);
  return (
    <>
      <div class="chat-list-head">
        <a class="button chat-fresh" href={linkTo("chat")} onClick={onClose}>
          <Icon name="plus" />
          {words.fresh}
        </a>
        <IconButton icon="close" label={words.closeList} small={false} extra="drawer-only" onClick={onClose} />
      </div>
      <div class="chat-search">
        <Icon name="search" size={17} />
        <input
          class="input"
          type="search"
          placeholder={words.search}
          aria-label={words.search}
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </div>
      <div class="chat-rows">
        {found === null ? (
          <AllChats current={current} onChosen={onClose} />
        ) : (
          <FoundChats {...{ found, current, onClose }} />
        )}
      </div>
      <Files />
    </>
  );
}

function AllChats({ current, onChosen }: { readonly current: string | null; readonly onChosen: () => void }) {
  const all = chats.value;
  if (all === null) return null;
  if (all.length === 0) return <p class="chat-none">{words.noChats}</p>;
  return (
    <>
      {grouped(all, new Date()).map(({ period, chats: some }) => (
        <section key={period} aria-label={words.periods[period]}>
          <h2 class="chat-period">{words.periods[period]}</h2>
          <ul>
            {some.map((chat) => (
              <ChatRow key={chat.id} chat={chat} isCurrent={chat.id === current} onChosen={onChosen} />
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

interface FoundProps {
  readonly found: readonly Found[];
  readonly current: string | null;
  readonly onClose: () => void;
}

function FoundChats({ found, current, onClose }: FoundProps) {
  if (found.length === 0) {
    return (
      <p class="chat-none" role="status">
        {words.nothingFound}
      </p>
    );
  }
  return (
    <ul>
      {found.map(({ chat, snippet }) => (
        <ChatRow key={chat.id} chat={chat} snippet={snippet} isCurrent={chat.id === current} onChosen={onClose} />
      ))}
    </ul>
  );
}

/** What a search has found; null without one. */
function useFound(query: string): readonly Found[] | null {
  const [found, setFound] = useState<readonly Found[] | null>(null);
  const all = chats.value;
  useEffect(() => {
    if (query.trim() === "") {
      setFound(null);
      return;
    }
    let isOver = false;
    const timer = setTimeout(async () => {
      const result = await search(await database(), query);
      if (!isOver) setFound(result);
    }, SEARCH_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [query, all]);
  return query.trim() === "" ? null : found;
}

function Files() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div class="chat-files">
      <input
        ref={input}
        class="visually-hidden"
        type="file"
        accept="application/json,.json"
        tabIndex={-1}
        aria-label={words.importFile}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file !== undefined) void importFile(file);
        }}
      />
      <Menu
        label={words.files}
        icon="download"
        up
        worded
        actions={[
          { label: words.importFile, icon: "upload", run: () => input.current?.click() },
          { label: words.exportAll, icon: "download", run: () => void exportAll() },
        ]}
      />
    </div>
  );
}

async function importFile(file: File): Promise<void> {
  try {
    const read = checkedImport(await file.text(), Date.now());
    await readIn(read);
    toast(words.imported(read.chats.length));
    if (read.chats.length === 1 && read.chats[0] !== undefined) navigate(linkTo("chat", read.chats[0].id));
  } catch (error) {
    if (!(error instanceof ImportError)) console.warn("chats were not read", error);
    toast(words.notImported(error instanceof Error ? error.message : String(error)));
  }
}

async function exportAll(): Promise<void> {
  const base = await database();
  const all = await base.chats();
  const whole = await Promise.all(all.map(async (chat) => ({ chat, messages: await base.messages(chat.id) })));
  saveFile(`${words.allFile}.json`, new Blob([exportedJson(whole)], { type: "application/json" }));
}
