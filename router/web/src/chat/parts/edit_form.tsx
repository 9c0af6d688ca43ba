/** A message in a box, to be written anew. */
import { useEffect, useRef, useState } from "preact/hooks";

import { texts } from "../../texts";
import { isSendKey } from "./keys";

export interface EditFormProps {
  readonly text: string;
  readonly label: string;
  readonly action: string;
  readonly onDone: (text: string) => void;
  readonly onCancel: () => void;
}

export function EditForm({ text, label, action, onDone, onCancel }: EditFormProps) {
  const [value, setValue] = useState(text);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  }, []);
  const done = () => {
    if (value.trim() !== "") onDone(value);
  };
  return (
    <form
      class="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        done();
      }}
    >
      <textarea
        ref={box}
        class="input"
        rows={Math.min(12, value.split("\n").length + 1)}
        aria-label={label}
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            onCancel();
          } else if (isSendKey(event)) {
            event.preventDefault();
            done();
          }
        }}
      />
      <div class="actions">
        <button type="button" class="button small" onClick={onCancel}>
          {texts.chat.cancel}
        </button>
        <button type="submit" class="button small primary" disabled={value.trim() === ""}>
          {action}
        </button>
      </div>
    </form>
  );
}
