/** TeX made into MathML elements. Fetched when a text first holds a formula. */
import { type ComponentChildren, h, type VNode } from "preact";
import temml from "temml";

const MAX_NODES = 5000;
const MAX_DEPTH = 100;
const OPTIONS = {
  throwOnError: true,
  trust: false,
  strict: false,
  maxExpand: 300,
  maxSize: [20, 40] as [number, number],
};

const ELEMENTS: ReadonlySet<string> = new Set(
  `math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow mspace msqrt mstyle msub msubsup
   msup mtable mtd mtext mtr munder munderover none`.split(/\s+/),
);
const ATTRIBUTES: ReadonlySet<string> = new Set(
  `accent accentunder columnalign columnspan depth display displaystyle fence form height largeop linethickness lspace
   mathbackground mathcolor mathsize mathvariant maxsize minsize movablelimits rowspacing rowspan rspace scriptlevel
   separator stretchy symmetric voffset width`.split(/\s+/),
);
const STYLES: ReadonlySet<string> = new Set(
  `border borderBottom borderLeft borderRight borderTop color display fontFamily fontStyle fontWeight justifyContent
   marginLeft mathDepth padding paddingBottom paddingLeft paddingRight paddingTop textAlign whiteSpace width`.split(
    /\s+/,
  ),
);
const VALUE = /^[\w\s.,%#+-]{0,80}$/;

/** What the library's tree is made of. A node without a type only holds others. */
interface MathTree {
  readonly type?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly style?: Readonly<Record<string, unknown>>;
  readonly classes?: readonly string[];
  readonly children?: readonly MathTree[];
}

/** The elements of a formula; null if it cannot be understood, or is too large. */
export function mathOf(source: string, display: boolean): VNode | null {
  let tree: MathTree;
  try {
    const wrap = display ? "none" : "tex";
    tree = temml.__renderToMathMLTree(source, { ...OPTIONS, displayMode: display, wrap }) as MathTree;
  } catch {
    return null; // not TeX: the source is shown
  }
  const left = { nodes: MAX_NODES };
  const made = tree.type === "math" ? element(tree, left, 0) : null;
  return left.nodes < 0 ? null : made;
}

function element(node: MathTree, left: { nodes: number }, depth: number): VNode | null {
  left.nodes -= 1;
  if (left.nodes < 0 || depth > MAX_DEPTH) {
    left.nodes = -1;
    return null;
  }
  const inner = (node.children ?? []).map((child) => content(child, left, depth + 1));
  if (node.type === undefined || !ELEMENTS.has(node.type)) return h("mrow", null, inner);
  return h(node.type, attributesOf(node), inner);
}

function content(node: MathTree, left: { nodes: number }, depth: number): ComponentChildren {
  return typeof node.text === "string" ? node.text : element(node, left, depth);
}

function attributesOf(node: MathTree): Record<string, unknown> {
  const made: Record<string, unknown> = allowed(node.attributes, ATTRIBUTES);
  const classes = (node.classes ?? []).filter((name) => /^[\w-]+$/.test(name)).join(" ");
  if (classes !== "") made["class"] = classes;
  const style = allowed(node.style, STYLES);
  if (Object.keys(style).length > 0) made["style"] = style;
  return made;
}

function allowed(
  given: Readonly<Record<string, unknown>> | undefined,
  names: ReadonlySet<string>,
): Record<string, string> {
  const kept = Object.entries(given ?? {})
    .map(([name, value]) => [camel(name, names), String(value)] as const)
    .filter(([name, value]) => names.has(name) && VALUE.test(value));
  return Object.fromEntries(kept);
}

/** Names of styles may have hyphens. */
function camel(name: string, names: ReadonlySet<string>): string {
  return names.has(name) ? name : name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
