/** What is known of an answer while it comes: its place in the queue, the loading model, its speed. */
import { modelsOf } from "../../api/server";
import { texts } from "../../texts";
import type { AnswerMessage } from "../store/types";
import type { Run } from "../talk/runs";
import { roughTokensPerS } from "../talk/speed";

const words = texts.chat;

export function Waiting({ answer, run }: { readonly answer: AnswerMessage; readonly run: Run | undefined }) {
  const told = tellWaiting(answer, run);
  return (
    <p class="answer-waits">
      <span class="chat-coming" />
      <span>{told}</span>
    </p>
  );
}

function tellWaiting(answer: AnswerMessage, run: Run | undefined): string {
  if (run?.interrupted.value) return answer.place === null ? words.unsent : words.offline;
  if (run?.behind.value) return words.behind;
  if (answer.times.first !== null) {
    const speed = roughTokensPerS(answer.times);
    return speed === null ? words.comes : words.roughSpeed(speed);
  }
  const model = modelsOf("text").find((one) => one.id === answer.model);
  if (model?.state === "loading") {
    return model.progress === null
      ? words.modelLoads(model.id)
      : words.modelLoadsPercent(model.id, Math.round(model.progress * 100));
  }
  const position = run?.position.value ?? null;
  return position === null ? words.waits : words.queued(position);
}
