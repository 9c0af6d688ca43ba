import { texts } from "../texts";
import { toast } from "./toast";

/** Copy a text, and tell the user whether the browser has allowed it. */
export async function copyText(text: string): Promise<boolean> {
  const copied = await written(text);
  toast(copied ? texts.app.copied : texts.app.notCopied);
  return copied;
}

/** The clipboard needs a secure origin (HTTPS or this machine); elsewhere the older way is tried. */
async function written(text: string): Promise<boolean> {
  if (!window.isSecureContext) return selectedAndCopied(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    console.info("the browser refused to copy", error);
    return false;
  }
}

function selectedAndCopied(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}
