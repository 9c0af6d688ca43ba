import type { ViewProps } from "../app/views";
import { texts } from "../texts";

export function PicturesView(_props: ViewProps) {
  return (
    <div class="view">
      <h1>{texts.app.views.pictures}</h1>
    </div>
  );
}
