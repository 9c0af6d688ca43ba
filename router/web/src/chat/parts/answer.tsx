/** What a model has answered, or is answering. */
import { useState } from "preact/hooks";

import { texts } from "../../texts";
import { hasContent, type Messages } from "../store/tree";
import type { AnswerMessage } from "../store/types";
import type { Run } from "../talk/runs";
import { AnswerText } from "./answer_text";
import { AnswerTools } from "./answer_tools";
import { Calls } from "./calls";
import { EditForm } from "./edit_form";
import { Ending } from "./ending";
import { Thought } from "./thought";
import { Waiting } from "./waiting";

const words = texts.chat;

/** What can be done with an answer; none of it while another one is coming. */
export interface AnswerActions {
  readonly again: (answer: AnswerMessage) => void;
  readonly goOn: (answer: AnswerMessage) => void;
  readonly rewrite: (answer: AnswerMessage, text: string) => void;
  readonly sendResults: (answer: AnswerMessage) => void;
}

export interface AnswerProps {
  readonly stored: AnswerMessage;
  readonly run: Run | undefined;
  readonly messages: Messages;
  readonly isLast: boolean;
  readonly actions: AnswerActions | null;
}

export function Answer({ stored, run, messages, isLast, actions }: AnswerProps) {
  const [edits, setEdits] = useState(false);
  const answer = run?.answer.value ?? stored;
  const comes = run !== undefined || answer.state === "streaming";
  return (
    <article class="answer" aria-label={words.says(answer.model)} aria-busy={comes}>
      <Thought answer={answer} comes={comes} />
      {edits && actions !== null ? (
        <EditForm
          text={answer.text}
          label={words.editAnswerLabel}
          action={words.save}
          onCancel={() => setEdits(false)}
          onDone={(text) => {
            setEdits(false);
            actions.rewrite(answer, text);
          }}
        />
      ) : (
        answer.text !== "" && (
          <div class="answer-text">
            <AnswerText text={answer.text} streaming={comes} />
          </div>
        )
      )}
      <Calls answer={answer} comes={comes} isFollowed={!isLast} onSend={() => actions?.sendResults(answer)} />
      {comes && <Waiting answer={answer} run={run} />}
      {!comes && <Ending answer={answer} isLast={isLast} actions={actions} />}
      {!comes && !edits && hasContent(answer) && (
        <AnswerTools answer={answer} messages={messages} actions={actions} onEdit={() => setEdits(true)} />
      )}
    </article>
  );
}
