/** Finds the words of code. Fetched when a text first holds code whose language it names. */
import core from "highlight.js/lib/core";
import type { Emitter } from "highlight.js";

import { LANGUAGES } from "./languages";

/** A part of code: as it is, or of a kind of word, such as `keyword`. */
export type Piece = string | { readonly kind: string; readonly pieces: Piece[] };

/** Collects pieces where the library would make HTML. */
class Pieces implements Emitter {
  readonly root: { kind: string; pieces: Piece[] } = { kind: "", pieces: [] };
  readonly #open = [this.root];

  addText(text: string): void {
    if (text !== "") this.#top.pieces.push(text);
  }

  startScope(scope: string): void {
    const inner = { kind: scope.split(".")[0] ?? "", pieces: [] };
    this.#top.pieces.push(inner);
    this.#open.push(inner);
  }

  endScope(): void {
    if (this.#open.length > 1) this.#open.pop();
  }

  /** The library calls either name. */
  openNode(scope: string): void {
    this.startScope(scope);
  }

  closeNode(): void {
    this.endScope();
  }

  __addSublanguage(emitter: Emitter): void {
    if (emitter instanceof Pieces) this.#top.pieces.push(...emitter.root.pieces);
  }

  finalize(): void {
    this.#open.length = 1;
  }

  toHTML(): string {
    return "";
  }

  get #top(): { kind: string; pieces: Piece[] } {
    return this.#open[this.#open.length - 1] ?? this.root;
  }
}

const highlight = core.newInstance();
highlight.configure({ __emitter: Pieces });
for (const [name, language] of Object.entries(LANGUAGES)) highlight.registerLanguage(name, language);

/** The pieces of code; null if its language is not known, or the library gave up on it. */
export function highlighted(code: string, language: string): readonly Piece[] | null {
  if (highlight.getLanguage(language) === undefined) return null;
  const { _emitter: emitter } = highlight.highlight(code, { language, ignoreIllegals: true });
  const pieces = emitter instanceof Pieces ? emitter.root.pieces : [];
  return textOf(pieces) === code ? pieces : null;
}

export function textOf(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (typeof piece === "string" ? piece : textOf(piece.pieces))).join("");
}
