/** Formulas in Markdown: `$a$`, `$$a$$`, `\(a\)`, `\[a\]`. A dollar may also be money. */
import type { MarkdownIt, StateBlock, StateInline } from "markdown-it";

import { looksLikeMoney } from "./money";

export const MAX_FORMULA = 5000;
const MAX_DOLLAR_FORMULA = 500;

interface Fence {
  readonly open: string;
  readonly close: string;
  readonly display: boolean;
}

const FENCES: readonly Fence[] = [
  { open: "$$", close: "$$", display: true },
  { open: "\\[", close: "\\]", display: true },
  { open: "\\(", close: "\\)", display: false },
];

/** Adds tokens `formula` (its `content` is TeX, `block` says whether it stands alone) and `open_formula` (not closed yet). */
export function addFormulas(markdown: MarkdownIt): void {
  markdown.block.ruler.before("fence", "formula", blockFormula, {
    alt: ["paragraph", "reference", "blockquote", "list"],
  });
  markdown.inline.ruler.before("escape", "formula", inlineFormula);
}

function blockFormula(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
  const first = lineOf(state, startLine);
  const fence = FENCES.find(({ open, display }) => display && first.startsWith(open));
  if (fence === undefined) return false;
  const found = readBlock(state, startLine, endLine, fence);
  if (found === null) return false;
  if (silent) return true;
  const token = state.push(found.closed ? "formula" : "open_formula", "", 0);
  token.block = true;
  token.content = found.content.trim();
  token.markup = fence.open;
  token.map = [startLine, found.nextLine];
  state.line = found.nextLine;
  return true;
}

interface BlockFormula {
  readonly content: string;
  readonly nextLine: number;
  readonly closed: boolean;
}

/** A formula on lines of its own. One that is not closed is none, unless more text may follow. */
function readBlock(state: StateBlock, startLine: number, endLine: number, { open, close }: Fence): BlockFormula | null {
  const first = lineOf(state, startLine).slice(open.length);
  const inFirst = first.indexOf(close);
  const last = inFirst >= 0 ? startLine : closingLine(state, close, startLine + 1);
  const closed = last < endLine;
  if (!closed && state.env["open"] !== true) return null;
  const nextLine = closed ? last + 1 : endLine;
  if ((state.eMarks[nextLine - 1] ?? 0) - (state.bMarks[startLine] ?? 0) > MAX_FORMULA) return null;
  const lines = [first];
  for (let line = startLine + 1; line < nextLine; line++) {
    if (!state.isEmpty(line) && (state.sCount[line] ?? 0) < state.blkIndent) return null;
    lines.push(lineOf(state, line));
  }
  const content = lines.join("\n");
  if (!closed) return { content, nextLine, closed };
  const end = content.indexOf(close);
  return content.slice(end + close.length).trim() === "" ? { content: content.slice(0, end), nextLine, closed } : null;
}

const closingLines = new WeakMap<StateBlock, Map<string, { from: number; line: number }>>();

/** The next line with `close`, after all lines if there is none. It is looked for once, however many formulas are opened. */
function closingLine(state: StateBlock, close: string, from: number): number {
  const known = closingLines.get(state) ?? new Map<string, { from: number; line: number }>();
  closingLines.set(state, known);
  const found = known.get(close);
  if (found !== undefined && found.from <= from && from <= found.line) return found.line;
  const at = state.src.indexOf(close, state.bMarks[from] ?? state.src.length);
  let line = at < 0 ? state.eMarks.length : from;
  while (at > (state.eMarks[line] ?? at)) line++;
  known.set(close, { from, line });
  return line;
}

function lineOf(state: StateBlock, line: number): string {
  return state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
}

function inlineFormula(state: StateInline, silent: boolean): boolean {
  const { src, pos, posMax } = state;
  const first = src[pos];
  if (first !== "$" && first !== "\\") return false;
  const fence = FENCES.find(({ open }) => src.startsWith(open, pos));
  if (fence === undefined) return first === "$" && dollarFormula(state, silent);
  const start = pos + fence.open.length;
  const end = closingOf(state, fence.close, start);
  if (end > start && end - start <= MAX_FORMULA) {
    return take(state, silent, "formula", end, end + fence.close.length, fence);
  }
  const mayClose = end < 0 && state.env["open"] === true && src.length - start < MAX_FORMULA;
  return mayClose && take(state, silent, "open_formula", posMax, posMax, fence);
}

/** `$a$`: no space inside its dollars, no letter or digit outside of them, and not two prices. */
function dollarFormula(state: StateInline, silent: boolean): boolean {
  const { src, pos, posMax } = state;
  if (/[\p{L}\p{N}]/u.test(src[pos - 1] ?? "") || /[\s$]/.test(src[pos + 1] ?? " ")) return false;
  const fence = { open: "$", close: "$", display: false };
  const max = Math.min(posMax, pos + 1 + MAX_DOLLAR_FORMULA);
  for (let end = dollarAfter(src, pos + 1); end >= 0 && end < max; end = dollarAfter(src, end + 1)) {
    const closes = !/\s/.test(src[end - 1] ?? "") && !/[\p{L}\p{N}$]/u.test(src[end + 1] ?? "");
    if (!closes) continue;
    if (looksLikeMoney(src.slice(pos + 1, end))) return false;
    return take(state, silent, "formula", end, end + 1, fence);
  }
  const mayClose = state.env["open"] === true && /[\p{L}\\({|]/u.test(src[pos + 1] ?? "") && max === posMax;
  return mayClose && take(state, silent, "open_formula", posMax, posMax, fence);
}

/** The next dollar that is not behind a backslash of its own, -1 if none. */
function dollarAfter(src: string, from: number): number {
  let at = src.indexOf("$", from);
  while (at > from && src[at - 1] === "\\" && isEscaped(src, at, from)) at = src.indexOf("$", at + 1);
  return at;
}

/** Whether an odd number of backslashes stands before `at`. */
function isEscaped(src: string, at: number, from: number): boolean {
  let first = at;
  while (first > from && src[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
}

const closings = new WeakMap<StateInline, Map<string, { from: number; at: number }>>();

/** Where the next `close` stands, -1 if nowhere. It is looked for once, however many formulas are opened. */
function closingOf(state: StateInline, close: string, from: number): number {
  const known = closings.get(state) ?? new Map<string, { from: number; at: number }>();
  closings.set(state, known);
  const found = known.get(close);
  if (found !== undefined && found.from <= from && (found.at < 0 || from <= found.at)) return found.at;
  let at = state.src.indexOf(close, from);
  while (at >= 0 && isEscaped(state.src, at, from)) at = state.src.indexOf(close, at + 1);
  if (at + close.length > state.posMax) at = -1;
  known.set(close, { from, at });
  return at;
}

function take(state: StateInline, silent: boolean, type: string, end: number, next: number, fence: Fence): boolean {
  if (!silent) {
    const token = state.push(type, "", 0);
    token.content = state.src.slice(state.pos + fence.open.length, end).trim();
    token.markup = fence.open;
    token.block = fence.display;
  }
  state.pos = next;
  return true;
}
