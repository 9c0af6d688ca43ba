/** Messages for tests. */
import { type AnswerMessage, type Chat, NO_SETTINGS, noTimes, type UserMessage } from "./types";

export function sampleChat(id: string, part: Partial<Chat> = {}): Chat {
  return {
    id,
    title: id,
    created: 1,
    changed: 1,
    pinned: false,
    model: null,
    settings: NO_SETTINGS,
    tip: null,
    ...part,
  };
}

export function sampleQuestion(id: string, parent: string | null, part: Partial<UserMessage> = {}): UserMessage {
  return { id, chat: "c", parent, created: 1, role: "user", text: id, files: [], ...part };
}

export function sampleAnswer(id: string, parent: string | null, part: Partial<AnswerMessage> = {}): AnswerMessage {
  return {
    id,
    chat: "c",
    parent,
    created: 1,
    role: "assistant",
    text: id,
    model: "m",
    state: "done",
    thought: "",
    calls: [],
    finish: "stop",
    error: null,
    usage: null,
    times: noTimes(1),
    place: null,
    ...part,
  };
}
