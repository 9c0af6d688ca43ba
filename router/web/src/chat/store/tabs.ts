/** Tabs of one browser tell each other what they have changed, and which answers they are receiving. */
import { newId } from "./types";

export type Note =
  | { readonly kind: "changed"; readonly chat: string }
  | { readonly kind: "asks"; readonly answer: string; readonly from: string }
  | { readonly kind: "has"; readonly answer: string; readonly to: string };

const ANSWER_MS = 400;

/** This tab's end of the line between the tabs. */
export class Tabs {
  readonly #channel: BroadcastChannel;
  readonly #id = newId();
  #waiting = new Map<string, () => void>();

  /**
   * @param receives whether this tab is receiving an answer.
   * @param onChanged another tab has changed a chat, or its messages.
   */
  constructor(name: string, receives: (answer: string) => boolean, onChanged: (chat: string) => void) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<Note>) => {
      if (data.kind === "changed") onChanged(data.chat);
      else if (data.kind === "asks" && receives(data.answer)) {
        this.#send({ kind: "has", answer: data.answer, to: data.from });
      } else if (data.kind === "has" && data.to === this.#id) this.#waiting.get(data.answer)?.();
    };
  }

  tellChanged(chat: string): void {
    this.#send({ kind: "changed", chat });
  }

  /** Whether another tab is receiving this answer. One that does not reply within 0.4 s is not. */
  async othersReceive(answer: string, waitMs: number = ANSWER_MS): Promise<boolean> {
    const reply = new Promise<boolean>((resolve) => {
      this.#waiting.set(answer, () => resolve(true));
      setTimeout(() => resolve(false), waitMs);
    });
    this.#send({ kind: "asks", answer, from: this.#id });
    const received = await reply;
    this.#waiting.delete(answer);
    return received;
  }

  close(): void {
    this.#channel.close();
  }

  #send(note: Note): void {
    this.#channel.postMessage(note);
  }
}
