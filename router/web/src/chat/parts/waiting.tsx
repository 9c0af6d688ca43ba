/** What is known of an answer while it comes: its place in the queue, the loading model, its speed. */
import { modelWait } from "../../api/wait";
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
  const load = modelWait(answer.model);
  if (load !== null) {
    if (!load.begun) return words.modelWillLoad(load.model);
    return load.percent === null ? words.modelLoads(load.model) : words.modelLoadsPercent(load.model, load.percent);
  }
  const position = run?.position.value ?? null;
  return position === null ? words.waits : words.queued(position);
}
