/** Copies a text, and says so. */
import { useEffect, useState } from "preact/hooks";

import { copyText } from "./copy";
import { Icon } from "./icon";

const SHOWN_MS = 2000;

export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    setCopied(await copyText(text));
  };
  return (
    <button
      type="button"
      class="button quiet small icon copy"
      title={label}
      aria-label={label}
      onClick={() => void copy()}
    >
      <Icon name={copied ? "check" : "copy"} size={16} />
    </button>
  );
}
