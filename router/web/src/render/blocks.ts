/** A text that grows, cut into its blocks. What is complete is read once; only what may still change is read again. */
import { blockTokensOf, type References } from "./parser";

/** A paragraph, list, table, … on the outermost level. */
export interface Block {
  /** Where it begins in the text: its name while the text grows. */
  readonly start: number;
  readonly text: string;
  /** The names that the whole text defines; another object when they have changed. */
  readonly references: References;
  /** Whether more of it may follow. */
  readonly open: boolean;
}

export class Blocks {
  #text = "";
  #complete: Block[] = [];
  /** Where the blocks begin that may still change. */
  #from = 0;
  /** The names that complete blocks define. */
  #defined: References = {};
  #references: References = {};

  /** The blocks of `text`; `open` says whether more of it may follow. */
  update(text: string, open: boolean): readonly Block[] {
    const clean = cleaned(text);
    if (!clean.startsWith(this.#text.slice(0, this.#from))) this.#restart();
    this.#text = clean;
    const rest = clean.slice(this.#from);
    const references = { ...this.#defined };
    const starts = startsOf(rest, { open, references });
    this.#refer(references);
    const blocks = starts.map((start, index) => this.#block(rest, start, starts[index + 1], open));
    const complete = open ? completeOf(rest, starts) : 0;
    if (complete > 0) this.#keep(blocks.slice(0, complete), starts[complete] ?? rest.length);
    return [...this.#complete, ...(complete > 0 ? blocks.slice(complete) : blocks)];
  }

  #restart(): void {
    this.#complete = [];
    this.#from = 0;
    this.#defined = {};
  }

  /** Names rarely change; then all blocks that use some are read again. */
  #refer(references: References): void {
    if (JSON.stringify(references) === JSON.stringify(this.#references)) return;
    this.#references = references;
    this.#complete = this.#complete.map((block) => (block.text.includes("[") ? { ...block, references } : block));
  }

  #block(rest: string, start: number, end: number | undefined, open: boolean): Block {
    const text = rest.slice(start, end);
    return { start: this.#from + start, text, references: this.#references, open: open && end === undefined };
  }

  #keep(blocks: readonly Block[], length: number): void {
    for (const { text } of blocks) blockTokensOf(text, { open: false, references: this.#defined });
    this.#complete.push(...blocks);
    this.#from += length;
  }
}

function cleaned(text: string): string {
  const lines = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  return lines.includes("\0") ? lines.replaceAll("\0", "\ufffd") : lines;
}

/** Where the blocks of a text begin. Names that it defines are added to the references. */
function startsOf(text: string, reading: { open: boolean; references: References }): number[] {
  const lines = lineStarts(text);
  return blockTokensOf(text, reading)
    .filter((token) => token.level === 0 && token.nesting >= 0 && token.map !== null)
    .map((token) => lines[token.map?.[0] ?? 0] ?? text.length);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return starts;
}

/** How many of the first blocks nothing can change any more: a complete line after an empty one begins a further block. */
function completeOf(text: string, starts: readonly number[]): number {
  const lastLine = text.lastIndexOf("\n") + 1;
  for (let index = starts.length - 1; index > 0; index--) {
    const start = starts[index] ?? 0;
    if (start < lastLine && /\n[ \t]*\n[ \t]*$/.test(text.slice(Math.max(0, start - 200), start))) return index;
  }
  return 0;
}
