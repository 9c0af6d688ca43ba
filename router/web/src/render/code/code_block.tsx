/** A block of code: its language, its words in colours, and a button that copies it. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import { texts } from "../../texts";
import { CopyButton } from "../../ui/copy_button";
import { onDemand } from "../on_demand";
import { codeText } from "../plain";
import type { Piece } from "./highlighter";

const MAX_NAME = 30;
/** Longer code stays in one colour: finding its words would take longer than anybody waits. */
const MAX_COLOURED = 50_000;

const highlighter = onDemand(() => import("./highlighter"));

interface CodeBlockProps {
  readonly code: string;
  /** As the answer names it; may be empty. */
  readonly language: string;
}

export function CodeBlock({ code, language }: CodeBlockProps) {
  const isColoured = language !== "" && code.length <= MAX_COLOURED;
  useEffect(() => {
    if (isColoured) highlighter.want();
  }, [isColoured]);
  const colours = isColoured ? highlighter.part.value : null;
  const pieces = useMemo(() => colours?.highlighted(code, language) ?? null, [colours, code, language]);
  const name = language.slice(0, MAX_NAME);
  return (
    <div class="code">
      <div class="code-head">
        <span>{codeText(name === "" ? texts.render.code : name)}</span>
        <CopyButton text={code} label={texts.render.copyCode} />
      </div>
      <div class="code-scroll" role="group" aria-label={`${texts.render.code} ${name}`.trim()} tabIndex={0}>
        <pre>
          <code>{pieces === null ? codeText(code) : pieces.map(shown)}</code>
        </pre>
      </div>
    </div>
  );
}

function shown(piece: Piece): ComponentChildren {
  if (typeof piece === "string") return codeText(piece);
  return <span class={`word ${piece.kind}`}>{piece.pieces.map(shown)}</span>;
}
