/** The chats of this browser, in IndexedDB. Nothing of them is kept on the server. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";

import type { AnswerMessage, Chat, Message } from "./types";

interface Schema extends DBSchema {
  chats: { key: string; value: Chat };
  messages: { key: string; value: Message; indexes: { chat: string; state: string } };
  /** Single values by name, such as the settings of new chats. */
  values: { key: string; value: unknown };
}

const NAME = "nexa-chats";
const VERSION = 1;

/** Where chats are kept. */
export type Chats = Omit<ChatDatabase, "close">;

/** Each method is one transaction, so that two tabs cannot damage what they both change. */
export class ChatDatabase {
  private constructor(private readonly db: IDBPDatabase<Schema>) {}

  /** @param onClosed the browser has closed it, as when its data are deleted; it can be opened anew. */
  static async open(name: string = NAME, onClosed: () => void = () => undefined): Promise<ChatDatabase> {
    const db = await openDB<Schema>(name, VERSION, {
      upgrade(fresh) {
        fresh.createObjectStore("chats", { keyPath: "id" });
        const messages = fresh.createObjectStore("messages", { keyPath: "id" });
        messages.createIndex("chat", "chat");
        messages.createIndex("state", "state");
        fresh.createObjectStore("values");
      },
      blocking(_current, _blocked, event) {
        onClosed();
        (event.target as IDBDatabase).close();
      },
      terminated: onClosed,
    });
    return new ChatDatabase(db);
  }

  chats(): Promise<Chat[]> {
    return this.db.getAll("chats");
  }

  chat(id: string): Promise<Chat | undefined> {
    return this.db.get("chats", id);
  }

  messages(chat: string): Promise<Message[]> {
    return this.db.getAllFromIndex("messages", "chat", chat);
  }

  /** Answers that were streaming when they were last written. */
  async streaming(): Promise<AnswerMessage[]> {
    const found = await this.db.getAllFromIndex("messages", "state", "streaming");
    return found.filter((message) => message.role === "assistant");
  }

  /** Add chats with their messages. */
  async add(chats: readonly Chat[], messages: readonly Message[]): Promise<void> {
    const change = this.db.transaction(["chats", "messages"], "readwrite");
    const puts = [
      ...chats.map((chat) => change.objectStore("chats").put(chat)),
      ...messages.map((message) => change.objectStore("messages").put(message)),
    ];
    await Promise.all([...puts, change.done]);
  }

  /** Change a chat as it is now; null if it was deleted. */
  async changeChat(id: string, changed: (chat: Chat) => Chat): Promise<Chat | null> {
    const change = this.db.transaction("chats", "readwrite");
    const chat = await change.store.get(id);
    const after = chat === undefined ? null : changed(chat);
    if (after !== null) await change.store.put(after);
    await change.done;
    return after;
  }

  /** Write messages of a chat, and change the chat; false if it was deleted, and nothing was written. */
  async write(id: string, messages: readonly Message[], changed?: (chat: Chat) => Chat): Promise<boolean> {
    const change = this.db.transaction(["chats", "messages"], "readwrite");
    const chat = await change.objectStore("chats").get(id);
    if (chat !== undefined) {
      if (changed !== undefined) await change.objectStore("chats").put(changed(chat));
      await Promise.all(messages.map((message) => change.objectStore("messages").put(message)));
    }
    await change.done;
    return chat !== undefined;
  }

  /** Change an answer as it is now. */
  async changeAnswer(id: string, changed: (answer: AnswerMessage) => AnswerMessage): Promise<void> {
    const change = this.db.transaction("messages", "readwrite");
    const message = await change.store.get(id);
    if (message?.role === "assistant") await change.store.put(changed(message));
    await change.done;
  }

  async deleteChat(id: string): Promise<void> {
    const change = this.db.transaction(["chats", "messages"], "readwrite");
    await change.objectStore("chats").delete(id);
    const messages = change.objectStore("messages");
    const keys = await messages.index("chat").getAllKeys(id);
    await Promise.all(keys.map((key) => messages.delete(key)));
    await change.done;
  }

  /** Show each message to `visit`, one by one: there may be many. */
  async visit(visit: (message: Message) => void): Promise<void> {
    let cursor = await this.db.transaction("messages").store.openCursor();
    while (cursor !== null) {
      visit(cursor.value);
      cursor = await cursor.continue();
    }
  }

  value(name: string): Promise<unknown> {
    return this.db.get("values", name);
  }

  async setValue(name: string, value: unknown): Promise<void> {
    await this.db.put("values", value, name);
  }

  close(): void {
    this.db.close();
  }
}
