/** How an answer has ended, where that is not as one expects, and what can be done then. */
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { hasContent } from "../store/tree";
import type { AnswerMessage } from "../store/types";
import type { AnswerActions } from "./answer";

const words = texts.chat;

export interface EndingProps {
  readonly answer: AnswerMessage;
  readonly isLast: boolean;
  readonly actions: AnswerActions | null;
}

export function Ending({ answer, isLast, actions }: EndingProps) {
  const told = tellEnding(answer);
  if (told === null) return null;
  const isBad = answer.state === "failed" || answer.state === "interrupted";
  const canGoOn = isLast && hasContent(answer) && answer.calls.length === 0;
  return (
    <div class={isBad ? "notice bad ending" : "notice ending"} role={isBad ? "alert" : undefined}>
      <Icon name={isBad ? "warning" : "info"} />
      <span class="ending-text">{told}</span>
      {actions !== null && (
        <span class="ending-actions">
          {canGoOn && (
            <button type="button" class="button small" onClick={() => actions.goOn(answer)}>
              {words.goOn}
            </button>
          )}
          {isBad && (
            <button type="button" class="button small" onClick={() => actions.again(answer)}>
              {words.tryAgain}
            </button>
          )}
          {!isBad && !hasContent(answer) && (
            <button type="button" class="button small" onClick={() => actions.again(answer)}>
              {words.again}
            </button>
          )}
        </span>
      )}
    </div>
  );
}

function tellEnding(answer: AnswerMessage): string | null {
  if (answer.state === "failed") return answer.error;
  if (answer.state === "interrupted") return words.interrupted;
  if (answer.state === "stopped") return words.stopped;
  return answer.finish === "length" ? words.cut : hasContent(answer) ? null : words.empty;
}
