/** Tells screen readers of an answer once it is whole. */
import { useEffect, useState } from "preact/hooks";

import { texts } from "../../texts";
import { lastEnded } from "../talk/runs";

export function Announcer({ chat }: { readonly chat: string | null }) {
  const [told, setTold] = useState("");
  const answer = lastEnded.value;
  useEffect(() => {
    if (answer !== null && answer.chat === chat && answer.state !== "failed") {
      setTold(texts.chat.ended(answer.model, answer.text));
    }
  }, [answer]);
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {told}
    </div>
  );
}
