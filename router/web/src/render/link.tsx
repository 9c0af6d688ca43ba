/** Links and pictures of an answer: nothing is loaded before somebody follows them, and all say where they lead. */
import type { ComponentChildren } from "preact";

import { texts } from "../texts";
import { codeText, proseText } from "./plain";
import { names, targetOf } from "./target";

interface LinkProps {
  readonly to: string;
  /** What is shown, as plain text. */
  readonly text: string;
  readonly children: ComponentChildren;
}

export function Link({ to, text, children }: LinkProps) {
  const target = targetOf(to);
  if (target === null) return <>{children}</>;
  return (
    <>
      <a href={target.href} title={target.href} target="_blank" rel="noopener noreferrer nofollow">
        <bdi>{text.trim() === "" ? codeText(target.href) : children}</bdi>
      </a>
      {text.trim() !== "" && !names(text, target.place) && <Place name={target.place} />}
    </>
  );
}

/** A picture elsewhere is not fetched: its address could carry words of the chat to whoever owns it. */
export function Picture({ from, text }: { readonly from: string; readonly text: string }) {
  const target = targetOf(from);
  if (target === null) return <>{proseText(text)}</>;
  return (
    <>
      <a href={target.href} title={target.href} target="_blank" rel="noopener noreferrer nofollow">
        {texts.render.picture} <bdi>{proseText(text)}</bdi>
      </a>
      <Place name={target.place} />
    </>
  );
}

function Place({ name }: { readonly name: string }) {
  return (
    <span class="place">
      {" ("}
      <bdi>{codeText(name)}</bdi>)
    </span>
  );
}
