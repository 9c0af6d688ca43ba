import type { ViewProps } from "../app/views";
import { texts } from "../texts";

export function SpeechView(_props: ViewProps) {
  return (
    <div class="view">
      <h1>{texts.app.views.speech}</h1>
    </div>
  );
}
