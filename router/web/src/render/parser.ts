/** The Markdown that is understood: CommonMark, tables, strikethrough, bare links and formulas; no HTML. */
import MarkdownIt, { type Env, type Token } from "markdown-it";

import { addFormulas } from "./formulas/rules";
import { targetOf } from "./target";

/** Deeper lists and quotations are not read. */
export const MAX_NESTING = 40;

/** What `[text][name]` refers to, by name. */
export type References = NonNullable<Env["references"]>;

export interface Reading {
  /** Whether more text may follow: a formula that is open may still be closed. */
  readonly open: boolean;
  readonly references: References;
}

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true, maxNesting: MAX_NESTING });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
markdown.linkify.add("ftp:", null).add("//", null);
markdown.validateLink = (link) => targetOf(link) !== null;
addFormulas(markdown);

/** All tokens of a text; names that it defines are added to the references. */
export function tokensOf(text: string, reading: Reading): Token[] {
  return markdown.parse(text, { ...reading });
}

/** The tokens of a text's blocks, without what stands in them; names that it defines are added to the references. */
export function blockTokensOf(text: string, reading: Reading): Token[] {
  const tokens: Token[] = [];
  markdown.block.parse(text, markdown, { ...reading }, tokens);
  return tokens;
}
