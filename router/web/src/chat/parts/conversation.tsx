/** The messages of the branch that is shown. */
import { texts } from "../../texts";
import type { OpenChat } from "../store/store";
import { branch } from "../store/tree";
import type { UserMessage } from "../store/types";
import { runs } from "../talk/runs";
import { Answer, type AnswerActions } from "./answer";
import { Question } from "./question";

export interface ConversationProps {
  readonly open: OpenChat;
  /** What can be done; null while an answer is coming, or without a model. */
  readonly actions: (AnswerActions & { readonly edit: (message: UserMessage, text: string) => void }) | null;
}

export function Conversation({ open, actions }: ConversationProps) {
  const messages = branch(open.messages, open.chat.tip);
  const last = messages.at(-1);
  return (
    <section class="messages" aria-label={texts.chat.messages}>
      {messages.map((message) =>
        message.role === "user" ? (
          <Question
            key={message.id}
            message={message}
            messages={open.messages}
            onEdit={actions === null ? null : (text) => actions.edit(message, text)}
          />
        ) : (
          <Answer
            key={message.id}
            stored={message}
            run={runs.value.get(message.id)}
            messages={open.messages}
            isLast={message === last}
            actions={actions}
          />
        ),
      )}
    </section>
  );
}
