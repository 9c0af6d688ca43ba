/** The functions that an answer calls, with their arguments and results. */
import { useState } from "preact/hooks";

import { codeText } from "../../render/plain";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { setCallResult } from "../store/store";
import type { AnswerMessage, Call } from "../store/types";

const words = texts.chat;

export interface CallsProps {
  readonly answer: AnswerMessage;
  readonly comes: boolean;
  /** Whether something already follows the answer. */
  readonly isFollowed: boolean;
  readonly onSend: () => void;
}

export function Calls({ answer, comes, isFollowed, onSend }: CallsProps) {
  if (answer.calls.length === 0) return null;
  const isComplete = answer.calls.every((call) => call.result !== null);
  return (
    <div class="calls">
      {answer.calls.map((call, index) => (
        <OneCall key={index} answer={answer} call={call} canAnswer={!comes && !isFollowed} isOpen={!isFollowed} />
      ))}
      {!comes && !isFollowed && (
        <button type="button" class="button small" disabled={!isComplete} onClick={onSend}>
          <Icon name="send" size={17} />
          {words.sendResults}
        </button>
      )}
    </div>
  );
}

interface OneCallProps {
  readonly answer: AnswerMessage;
  readonly call: Call;
  readonly canAnswer: boolean;
  readonly isOpen: boolean;
}

function OneCall({ answer, call, canAnswer, isOpen }: OneCallProps) {
  const [result, setResult] = useState("");
  return (
    <details class="call" open={isOpen}>
      <summary>
        <Icon name="tool" size={17} />
        <span class="call-name">{words.calls(call.name)}</span>
        <code class="call-gist">{codeText(call.args)}</code>
      </summary>
      <div class="call-part">
        <h3>{words.arguments}</h3>
        <pre tabIndex={0}>{codeText(indented(call.args))}</pre>
      </div>
      {call.result !== null && (
        <div class="call-part">
          <h3>{words.result}</h3>
          <pre tabIndex={0}>{codeText(indented(call.result))}</pre>
        </div>
      )}
      {call.result === null && canAnswer && (
        <form
          class="call-part"
          onSubmit={(event) => {
            event.preventDefault();
            void setCallResult(answer, call.id, result);
          }}
        >
          <label class="field">
            <span class="label">{words.resultOf(call.name)}</span>
            <textarea class="input" rows={2} value={result} onInput={(event) => setResult(event.currentTarget.value)} />
          </label>
          <button type="submit" class="button small">
            {words.giveResult}
          </button>
        </form>
      )}
    </details>
  );
}

/** JSON on several lines; what is none, or not yet, as it is. */
export function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
