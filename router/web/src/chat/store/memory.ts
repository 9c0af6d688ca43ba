/** The chats of a page whose browser keeps nothing: they last as long as it. */
import type { Chats } from "./database";
import type { AnswerMessage, Chat, Message } from "./types";

/** What {@link ChatDatabase} does, in the page's memory. */
export class ChatMemory implements Chats {
  readonly #chats = new Map<string, Chat>();
  readonly #messages = new Map<string, Message>();
  readonly #values = new Map<string, unknown>();

  async chats(): Promise<Chat[]> {
    return [...this.#chats.values()];
  }

  async chat(id: string): Promise<Chat | undefined> {
    return this.#chats.get(id);
  }

  async messages(chat: string): Promise<Message[]> {
    return [...this.#messages.values()].filter((message) => message.chat === chat);
  }

  /** None: what an earlier page has begun is not known here. */
  async streaming(): Promise<AnswerMessage[]> {
    return [];
  }

  async add(chats: readonly Chat[], messages: readonly Message[]): Promise<void> {
    for (const chat of chats) this.#chats.set(chat.id, chat);
    for (const message of messages) this.#messages.set(message.id, message);
  }

  async changeChat(id: string, changed: (chat: Chat) => Chat): Promise<Chat | null> {
    const chat = this.#chats.get(id);
    if (chat === undefined) return null;
    const after = changed(chat);
    this.#chats.set(id, after);
    return after;
  }

  async write(id: string, messages: readonly Message[], changed?: (chat: Chat) => Chat): Promise<boolean> {
    const chat = this.#chats.get(id);
    if (chat === undefined) return false;
    await this.add(changed === undefined ? [] : [changed(chat)], messages);
    return true;
  }

  async changeAnswer(id: string, changed: (answer: AnswerMessage) => AnswerMessage): Promise<void> {
    const message = this.#messages.get(id);
    if (message?.role === "assistant") this.#messages.set(id, changed(message));
  }

  async deleteChat(id: string): Promise<void> {
    this.#chats.delete(id);
    for (const message of await this.messages(id)) this.#messages.delete(message.id);
  }

  async visit(visit: (message: Message) => void): Promise<void> {
    for (const message of this.#messages.values()) visit(message);
  }

  async value(name: string): Promise<unknown> {
    return this.#values.get(name);
  }

  async setValue(name: string, value: unknown): Promise<void> {
    this.#values.set(name, value);
  }
}
