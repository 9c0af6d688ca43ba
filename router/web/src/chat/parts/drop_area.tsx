/** Where files may be dropped; says so while some are dragged over it. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { texts } from "../../texts";
import { Icon } from "../../ui/icon";

export interface DropAreaProps {
  readonly onFiles: (files: readonly File[]) => void;
  readonly children: ComponentChildren;
}

export function DropArea({ onFiles, children }: DropAreaProps) {
  const [over, setOver] = useState(false);
  return (
    <div
      class="talk"
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget)) return;
        setOver(false);
      }}
      onDrop={(event) => {
        const files = [...(event.dataTransfer?.files ?? [])];
        setOver(false);
        if (files.length === 0) return; // a text that is dragged into the box
        event.preventDefault();
        onFiles(files);
      }}
    >
      {children}
      {over && (
        <div class="drop-shade">
          <Icon name="attach" size={32} />
          {texts.chat.dropHere}
        </div>
      )}
    </div>
  );
}
