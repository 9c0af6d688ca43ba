/** A part of the status view under its title. */
import type { ComponentChildren } from "preact";

export interface PanelProps {
  readonly name: string;
  readonly title: string;
  /** What stands beside the title: buttons, choices. */
  readonly tools?: ComponentChildren;
  /** What the server refused; null if nothing. */
  readonly error?: string | null;
  readonly children: ComponentChildren;
}

export function Panel({ name, title, tools, error = null, children }: PanelProps) {
  const id = `status-${name}`;
  return (
    <section class="panel" aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        {tools}
      </div>
      {error !== null && <p class="notice bad">{error}</p>}
      {children}
    </section>
  );
}
