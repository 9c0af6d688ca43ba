/** Formulas, as MathML. Until they can be, and where they cannot, their source is shown. */
import { useEffect, useMemo } from "preact/hooks";

import { texts } from "../../texts";
import { CopyButton } from "../../ui/copy_button";
import { onDemand } from "../on_demand";
import { codeText } from "../plain";

const mathematics = onDemand(() => import("./mathml"));

interface FormulaProps {
  /** TeX. */
  readonly source: string;
  /** Whether it is drawn large. */
  readonly display: boolean;
  /** Whether it stands on lines of its own. */
  readonly alone: boolean;
}

export function Formula({ source, display, alone }: FormulaProps) {
  useEffect(() => mathematics.want(), []);
  const drawing = mathematics.part.value;
  const drawn = useMemo(() => drawing?.mathOf(source, display) ?? null, [drawing, source, display]);
  const shown = drawn ?? <code class="formula-source">{codeText(source)}</code>;
  if (!alone) return <span class="formula">{shown}</span>;
  return (
    <div class="formula alone">
      <div class="formula-scroll" role="group" aria-label={texts.render.formula} tabIndex={0}>
        {shown}
      </div>
      <CopyButton text={source} label={texts.render.copyFormula} />
    </div>
  );
}

/** A formula that is still being written. */
export function OpenFormula({ source }: { readonly source: string }) {
  return <code class="formula-source">{codeText(source)}</code>;
}
