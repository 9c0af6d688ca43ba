import type { ViewProps } from "../app/views";
import { texts } from "../texts";

export function ChatView(_props: ViewProps) {
  return (
    <div class="view">
      <h1>{texts.app.views.chat}</h1>
    </div>
  );
}
