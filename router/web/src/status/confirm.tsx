/** A question before something that cannot be taken back. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { texts } from "../texts";
import { Dialog } from "../ui/dialog";
import { attempt } from "./polling";

export interface ConfirmProps {
  readonly title: string;
  readonly action: string;
  readonly onClose: () => void;
  /** Does it; the dialog closes when it is done, and tells what the server refused. */
  readonly onConfirm: () => Promise<void>;
  readonly children: ComponentChildren;
}

export function Confirm({ title, action, onClose, onConfirm, children }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const confirm = async () => {
    setBusy(true);
    setError("");
    await attempt(async () => {
      await onConfirm();
      onClose();
    }, setError);
    setBusy(false);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      {error !== "" && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>
          {texts.app.cancel}
        </button>
        <button type="button" class="button danger" disabled={busy} onClick={() => void confirm()}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}
