/** Copies a text. */
import { useState } from "preact/hooks";

import { texts } from "../../texts";
import { copyText } from "../../ui/copy";
import { toast } from "../../ui/toast";
import { IconButton } from "./icon_button";

const SHOWN_MS = 1500;

export function CopyButton({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) {
      toast(texts.chat.notCopied);
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), SHOWN_MS);
  };
  const label = copied ? texts.chat.copied : texts.chat.copy;
  return <IconButton icon={copied ? "check" : "copy"} label={label} onClick={() => void copy()} />;
}
