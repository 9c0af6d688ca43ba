/** Server-sent events, as the HTML standard defines them. */

export interface ServerEvent {
  readonly id: number | null;
  /** `message` if the server names none. */
  readonly name: string;
  readonly data: string;
}

/** The events of an answer, as they come. */
export async function* readEvents(answer: Response): AsyncGenerator<ServerEvent> {
  if (answer.body === null) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.feed(value);
    }
  } finally {
    void reader.cancel().catch(() => undefined); // an answer that broke off cannot be cancelled, and need not be
  }
}

/** Cuts a text that comes in pieces into events. */
export class EventParser {
  #rest = "";
  #id: number | null = null;
  #name = "";
  #data: string[] = [];

  *feed(piece: string): Generator<ServerEvent> {
    this.#rest += piece;
    for (;;) {
      const end = this.#rest.search(/\r\n|\n|\r(?!$)/);
      if (end < 0) return;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + (this.#rest.startsWith("\r\n", end) ? 2 : 1));
      if (line !== "") this.#read(line);
      else if (this.#data.length > 0) yield this.#take();
    }
  }

  #read(line: string): void {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#name = value;
    else if (field === "id" && /^\d+$/.test(value)) this.#id = Number(value);
  }

  #take(): ServerEvent {
    const event = { id: this.#id, name: this.#name || "message", data: this.#data.join("\n") };
    this.#name = "";
    this.#data = [];
    return event;
  }
}
