/** What a person can do in a chat: ask, ask differently, have it answered again, go on. */
import { modelsOf } from "../../api/server";
import { addChat, opened, writeMessages } from "../store/store";
import { titleOf } from "../store/titles";
import { branch, hasContent } from "../store/tree";
import {
  type AnswerMessage,
  type AttachedFile,
  type Chat,
  type Message,
  newId,
  noTimes,
  type Settings,
  type UserMessage,
} from "../store/types";
import { chatBody } from "./body";
import { startRun } from "./runs";

export interface Asked {
  readonly text: string;
  readonly files: readonly AttachedFile[];
}

/** Send a message in a new chat; returns the chat's id. */
export async function askInNewChat(
  asked: Asked,
  model: string,
  chosen: string | null,
  settings: Settings,
): Promise<string> {
  const id = newId();
  const question = questionOf(id, null, asked);
  const answer = emptyAnswer(id, question.id, model);
  const chat: Chat = {
    id,
    title: titleOf(question),
    created: question.created,
    changed: question.created,
    pinned: false,
    model: chosen,
    settings,
    tip: answer.id,
  };
  await startRun(answer, chatBody(model, settings, [question]), () => addChat(chat, [question, answer]));
  return id;
}

/** Send a message after the end of the branch that is shown. */
export async function ask(asked: Asked, model: string): Promise<void> {
  const shown = opened.value;
  if (shown === null) return;
  await answerNew(questionOf(shown.chat.id, shown.chat.tip, asked), model);
}

/** Send another message instead of `message`; both stay as branches. */
export async function askInstead(message: UserMessage, text: string, model: string): Promise<void> {
  await answerNew(questionOf(message.chat, message.parent, { text, files: message.files }), model);
}

/** Answer again: beside the old answer, or in its place if it has nothing to say. */
export async function answerAgain(answer: AnswerMessage, model: string): Promise<void> {
  const fresh = emptyAnswer(answer.chat, answer.parent, model);
  const next = hasContent(answer) ? fresh : { ...fresh, id: answer.id, created: answer.created };
  await answerWith(next, branchBefore(answer), model);
}

/** Go on with an answer that was cut or stopped. */
export async function goOn(answer: AnswerMessage, model: string): Promise<void> {
  const shown = opened.value;
  if (shown === null) return;
  const times = { ...answer.times, gap: true };
  const next: AnswerMessage = { ...answer, state: "streaming", finish: null, error: null, place: null, times };
  const body = chatBody(model, shown.chat.settings, [...branchBefore(answer), answer], true);
  await startRun(next, body, () => write(next, []));
}

/** Have the model answer to the results of its calls. */
export async function answerToResults(answer: AnswerMessage, model: string): Promise<void> {
  const shown = opened.value;
  if (shown === null) return;
  const next = emptyAnswer(answer.chat, answer.id, model);
  await answerWith(next, branch(shown.messages, answer.id), model);
}

/** Write another text for an answer; both stay as branches. */
export async function rewriteAnswer(answer: AnswerMessage, text: string): Promise<void> {
  const rewritten: AnswerMessage = {
    ...answer,
    id: newId(),
    created: Date.now(),
    text,
    state: "done",
    usage: null,
    times: { ...answer.times, gap: true },
  };
  await write(rewritten, []);
}

/** The model that answers: the chosen one if it is served, else the first. */
export function answering(chosen: string | null): string | null {
  const served = modelsOf("text");
  const found = served.find((model) => model.id === chosen) ?? served[0];
  return found?.id ?? null;
}

async function answerNew(question: UserMessage, model: string): Promise<void> {
  const shown = opened.value;
  if (shown === null) return;
  const answer = emptyAnswer(question.chat, question.id, model);
  const before = branch(shown.messages, question.parent);
  const body = chatBody(model, shown.chat.settings, [...before, question]);
  await startRun(answer, body, () => write(answer, [question]));
}

async function answerWith(answer: AnswerMessage, before: readonly Message[], model: string): Promise<void> {
  const shown = opened.value;
  if (shown === null) return;
  await startRun(answer, chatBody(model, shown.chat.settings, before), () => write(answer, []));
}

/** Write an answer, which its chat shows from now on. */
function write(answer: AnswerMessage, others: readonly Message[]): Promise<boolean> {
  return writeMessages(answer.chat, [...others, answer], (chat) => ({ ...chat, tip: answer.id, changed: Date.now() }));
}

function branchBefore(message: Message): Message[] {
  return opened.value === null ? [] : branch(opened.value.messages, message.parent);
}

function questionOf(chat: string, parent: string | null, asked: Asked): UserMessage {
  return { id: newId(), chat, parent, created: Date.now(), role: "user", text: asked.text, files: asked.files };
}

function emptyAnswer(chat: string, parent: string | null, model: string): AnswerMessage {
  const created = Date.now();
  return {
    id: newId(),
    chat,
    parent,
    created,
    role: "assistant",
    text: "",
    model,
    state: "streaming",
    thought: "",
    calls: [],
    finish: null,
    error: null,
    usage: null,
    times: noTimes(created),
    place: null,
  };
}
