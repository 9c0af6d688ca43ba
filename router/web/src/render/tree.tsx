/** Tokens of Markdown made into elements. Only what stands here can come out: an answer has no way to make others. */
import type { Token } from "markdown-it";
import { type ComponentChildren, Fragment, h } from "preact";

import { texts } from "../texts";
import { CodeBlock } from "./code/code_block";
import { CopyButton } from "../ui/copy_button";
import { Formula, OpenFormula } from "./formulas/formula";
import { Link, Picture } from "./link";
import { MAX_NESTING } from "./parser";
import { codeText, proseText } from "./plain";

const ELEMENTS: Readonly<Record<string, string>> = {
  paragraph_open: "p",
  blockquote_open: "blockquote",
  bullet_list_open: "ul",
  ordered_list_open: "ol",
  list_item_open: "li",
  thead_open: "thead",
  tbody_open: "tbody",
  tr_open: "tr",
  th_open: "th",
  td_open: "td",
  strong_open: "strong",
  em_open: "em",
  s_open: "s",
};
/** Deeper emphasis is shown as that around it. */
const MAX_DEPTH = 50;
/** Larger tables are shown as they are written. */
const MAX_CELLS = 5000;
const HEADINGS: Readonly<Record<string, string>> = { h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6", h6: "h6" };

interface Open {
  readonly token: Token | null;
  readonly children: ComponentChildren[];
  /** Whether it is the first thing in an item of a list. */
  readonly beginsItem: boolean;
  /** The text in it, for links. */
  text: string;
}

export interface Context {
  /** The Markdown that the tokens were read from. */
  readonly source: string;
  /** Whether more of it may follow. */
  readonly open: boolean;
}

/** The elements of a block. */
export function blockElements(tokens: readonly Token[], context: Context): ComponentChildren {
  const { source } = context;
  if (tokens.some(({ level }) => level >= MAX_NESTING - 1)) return <p>{proseText(source)}</p>;
  const cells = tokens.filter(({ type }) => type === "td_open").length;
  return cells > MAX_CELLS ? <CodeBlock code={source} language="" /> : elementsOf(tokens, context);
}

function elementsOf(tokens: readonly Token[], context: Context): ComponentChildren {
  const stack: Open[] = [{ token: null, children: [], beginsItem: false, text: "" }];
  for (const token of tokens) {
    const top = stack[stack.length - 1] as Open;
    if (token.nesting === 1) {
      const beginsItem = top.token?.type === "list_item_open" && top.children.length === 0;
      stack.push({ token, children: [], beginsItem, text: "" });
    } else if (token.nesting === -1) {
      close(stack, context);
    } else {
      top.children.push(leaf(token, top, context));
      top.text += textOf(token);
    }
  }
  while (stack.length > 1) close(stack, context);
  return stack[0]?.children;
}

function close(stack: Open[], context: Context): void {
  const done = stack.pop();
  const parent = stack[stack.length - 1];
  if (done === undefined || parent === undefined || done.token === null) return;
  if (stack.length > MAX_DEPTH) parent.children.push(...done.children);
  else parent.children.push(element(done.token, done, context));
  parent.text += done.text;
}

function element(token: Token, { children, text }: Open, { source }: Context): ComponentChildren {
  if (token.hidden) return h(Fragment, null, children);
  const tag = ELEMENTS[token.type];
  if (tag !== undefined) return h(tag, attributesOf(token), children);
  if (token.type === "heading_open") return h(HEADINGS[token.tag] ?? "h6", null, children);
  if (token.type === "link_open") return h(Link, { to: attribute(token, "href"), text, children });
  if (token.type === "table_open") return <Table source={source}>{children}</Table>;
  return h(Fragment, null, children);
}

function leaf(token: Token, parent: Open, context: Context): ComponentChildren {
  switch (token.type) {
    case "inline":
      return inline(token, parent, context);
    case "softbreak":
    case "hardbreak":
      return <br />;
    case "code_inline":
      return <code>{codeText(token.content)}</code>;
    case "code_block":
    case "fence":
      return codeOf(token, context);
    case "formula":
      return <Formula source={token.content} display={token.block} alone={token.map !== null} />;
    case "open_formula":
      return <OpenFormula source={token.content} />;
    case "image":
      return <Picture from={attribute(token, "src")} text={token.content} />;
    case "hr":
      return <hr />;
    default:
      return proseText(token.content);
  }
}

function inline(token: Token, parent: Open, context: Context): ComponentChildren {
  const children = token.children ?? [];
  const box = /^\[([ xX])\]\s/.exec(token.content);
  const first = children[0];
  if (box === null || !parent.beginsItem || first?.type !== "text") return elementsOf(children, context);
  first.content = first.content.slice(3);
  return [<Box done={box[1] !== " "} />, elementsOf(children, context)];
}

function Box({ done }: { readonly done: boolean }) {
  return <input type="checkbox" checked={done} disabled aria-label={done ? texts.render.done : texts.render.toDo} />;
}

function codeOf(token: Token, { open }: Context): ComponentChildren {
  const language = token.type === "fence" ? (token.info.trim().split(/\s+/)[0] ?? "") : "";
  const code = token.content.replace(/\n$/, "");
  if (language === "math" && !open) return <Formula source={code} display alone />;
  return <CodeBlock code={code} language={language} />;
}

function Table({ source, children }: { readonly source: string; readonly children: ComponentChildren }) {
  return (
    <div class="table">
      <div class="table-scroll" role="group" aria-label={texts.render.table} tabIndex={0}>
        <table>{children}</table>
      </div>
      <CopyButton text={source.trim()} label={texts.render.copyTable} />
    </div>
  );
}

function attributesOf(token: Token): Record<string, unknown> | null {
  if (token.type === "ordered_list_open") return { start: Number(token.attrGet("start") ?? 1) };
  if (token.type !== "th_open" && token.type !== "td_open") return null;
  const align = /text-align:(left|center|right)/.exec(attribute(token, "style"))?.[1];
  return align === undefined ? null : { class: `align-${align}` };
}

function attribute(token: Token, name: string): string {
  return String(token.attrGet(name) ?? "");
}

function textOf(token: Token): string {
  if (token.type === "softbreak" || token.type === "hardbreak") return " ";
  return token.type === "inline" ? "" : token.content;
}
