/** Markdown of a model or a user, shown. It is hostile until it is here: nothing in it can run, load or hide. */
import "./render.css";

import { Component } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { type Block, Blocks } from "./blocks";
import { usePaced } from "./paced";
import { tokensOf } from "./parser";
import { settled } from "./settled";
import { blockElements } from "./tree";

export interface MarkdownProps {
  readonly text: string;
  /** Whether more text may follow: it is then shown once a frame, and only what has changed is made anew. */
  readonly streaming?: boolean;
}

export function Markdown({ text, streaming = false }: MarkdownProps) {
  const cost = useRef(0);
  const shown = usePaced(text, streaming, cost);
  const blocks = useRef<Blocks | null>(null);
  const begun = performance.now();
  useLayoutEffect(() => {
    cost.current = performance.now() - begun;
  });
  const whole = streaming ? settled(shown) : shown;
  return (
    <div class="markdown">
      {(blocks.current ??= new Blocks()).update(whole, streaming).map((block) => (
        <ShownBlock key={block.start} block={block} />
      ))}
    </div>
  );
}

class ShownBlock extends Component<{ readonly block: Block }> {
  override shouldComponentUpdate({ block }: { readonly block: Block }): boolean {
    const { block: shown } = this.props;
    return block.text !== shown.text || block.open !== shown.open || this.#isReferredAnew(block);
  }

  override render({ block }: { readonly block: Block }) {
    const { text, open, references } = block;
    return blockElements(tokensOf(text, { open, references }), { source: text, open });
  }

  #isReferredAnew(block: Block): boolean {
    return block.references !== this.props.block.references && block.text.includes("[");
  }
}
