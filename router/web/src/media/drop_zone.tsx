/** Where files are dropped, pasted or chosen. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import "./drop_zone.css";

export interface DropZoneProps {
  /** Types of the chooser, such as `image/*`. */
  readonly accept: string;
  readonly multiple?: boolean;
  /** Says what the zone is for; it is also its name for screen readers. */
  readonly label: string;
  /** Whether files that are pasted anywhere on the page are taken. */
  readonly paste?: boolean;
  readonly onFiles: (files: readonly File[]) => void;
  readonly children: ComponentChildren;
}

export function DropZone({ accept, multiple = false, label, paste = false, onFiles, children }: DropZoneProps) {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const give = (list: FileList | null | undefined) => {
    const files = [...(list ?? [])];
    if (files.length > 0) onFiles(multiple ? files : files.slice(0, 1));
  };
  useEffect(() => {
    if (!paste) return;
    const onPaste = (event: ClipboardEvent) => {
      const files = event.clipboardData?.files;
      if (files === undefined || files.length === 0) return;
      event.preventDefault();
      give(files);
    };
    document.addEventListener("paste", onPaste);
    return () => document.removeEventListener("paste", onPaste);
  }, [paste, onFiles]);
  return (
    <div
      class={over ? "drop-zone over" : "drop-zone"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        give(event.dataTransfer?.files);
      }}
    >
      <button type="button" class="drop-button" onClick={() => input.current?.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        multiple={multiple}
        aria-label={label}
        onChange={(event) => {
          give(event.currentTarget.files);
          event.currentTarget.value = ""; // so that the same file can be chosen again
        }}
      />
    </div>
  );
}
