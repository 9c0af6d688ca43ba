import type { ViewProps } from "../app/views";
import { texts } from "../texts";

export function StatusView(_props: ViewProps) {
  return (
    <div class="view">
      <h1>{texts.app.views.status}</h1>
    </div>
  );
}
