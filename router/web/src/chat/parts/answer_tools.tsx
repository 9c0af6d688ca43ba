/** Below an answer: versions, copying, answering again, and how many tokens it has and how fast they came. */
import { texts } from "../../texts";
import type { Messages } from "../store/tree";
import type { AnswerMessage } from "../store/types";
import { firstTokenS, tokensPerS } from "../talk/speed";
import type { AnswerActions } from "./answer";
import { Branches } from "./branches";
import { CopyButton } from "../../ui/copy_button";
import { IconButton } from "./icon_button";
import { ReadAloud } from "./read_aloud";

const words = texts.chat;

export interface AnswerToolsProps {
  readonly answer: AnswerMessage;
  readonly messages: Messages;
  readonly actions: AnswerActions | null;
  readonly onEdit: () => void;
}

export function AnswerTools({ answer, messages, actions, onEdit }: AnswerToolsProps) {
  return (
    <div class="message-tools">
      <Branches messages={messages} message={answer} />
      {answer.text !== "" && <CopyButton text={answer.text} label={words.copy} />}
      <ReadAloud text={answer.text} />
      {actions !== null && (
        <>
          <IconButton icon="refresh" label={words.again} onClick={() => actions.again(answer)} />
          {answer.text !== "" && <IconButton icon="edit" label={words.edit} onClick={onEdit} />}
        </>
      )}
      <Facts answer={answer} />
    </div>
  );
}

function Facts({ answer }: { readonly answer: AnswerMessage }) {
  const { usage } = answer;
  const speed = tokensPerS(answer);
  const first = firstTokenS(answer.times);
  const facts = [
    answer.model,
    usage === null ? null : words.tokens(usage.answer),
    speed === null ? null : words.speed(speed),
    first === null ? null : words.firstAfter(words.seconds(first)),
  ].filter((fact) => fact !== null);
  return (
    <span class="facts" title={usage === null ? undefined : words.promptTokens(usage.prompt, usage.cached)}>
      {facts.join(" · ")}
    </span>
  );
}
