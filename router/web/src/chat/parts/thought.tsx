/** What a model thought before it answered, folded. */
import { useState } from "preact/hooks";

import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import type { AnswerMessage } from "../store/types";
import { thoughtS } from "../talk/speed";
import { AnswerText } from "./answer_text";
import { useNow } from "./clock";

const words = texts.chat;

export function Thought({ answer, comes }: { readonly answer: AnswerMessage; readonly comes: boolean }) {
  const [open, setOpen] = useState(false);
  const thinks = comes && answer.times.thoughtTo === null;
  const now = useNow(thinks);
  if (answer.thought === "") return null;
  const seconds = thoughtS(answer.times, now);
  const told = seconds === null || (answer.times.gap && !thinks) ? words.thoughtNoTime : label(seconds, thinks);
  return (
    <details class="thought" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="thought" size={17} />
        <span class={thinks ? "thinks" : undefined}>{told}</span>
      </summary>
      {open && (
        <div class="thought-text">
          <AnswerText text={answer.thought} streaming={thinks} />
        </div>
      )}
    </details>
  );
}

function label(seconds: number, thinks: boolean): string {
  return thinks ? words.thinks(words.wholeSeconds(seconds)) : words.thought(words.seconds(seconds));
}
