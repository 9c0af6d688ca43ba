/** Pictures: an order at the left, what is in progress and what is kept at the right. */
import { useEffect } from "preact/hooks";

import { modelsOf, server } from "../api/server";
import type { ViewProps } from "../app/views";
import { texts } from "../texts";
import { PictureForm } from "./form/form";
import { Gallery } from "./gallery/gallery";
import { readKept } from "./gallery/kept";
import "./pictures.css";
import { WorkList } from "./work/list";
import { continueWorks } from "./work/runner";

export function PicturesView(_props: ViewProps) {
  useEffect(() => {
    void readKept();
    void continueWorks();
  }, []);
  const canPaint = server.value === null || modelsOf("image").length > 0;
  return (
    <div class="view pictures">
      {canPaint ? <PictureForm /> : <p class="empty">{texts.pictures.none}</p>}
      <div class="pictures-made">
        <WorkList />
        <Gallery />
      </div>
    </div>
  );
}
