/** What a chunk of a stream adds to an answer. */
import type { AnswerMessage, Call, Times, Usage } from "../store/types";

/** `chat.completion.chunk`, as far as it is read here. */
export interface Chunk {
  readonly choices: readonly {
    readonly delta: {
      readonly content?: string | null;
      readonly reasoning_content?: string | null;
      readonly tool_calls?: readonly CallDelta[];
    };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: WireUsage | null;
}

interface CallDelta {
  readonly index: number;
  readonly id?: string;
  readonly function?: { readonly name?: string; readonly arguments?: string };
}

interface WireUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number } | null;
}

/** The answer with one more chunk, which came at `now`. */
export function withChunk(answer: AnswerMessage, chunk: Chunk, now: number): AnswerMessage {
  const choice = chunk.choices[0];
  const usage = chunk.usage ? added(answer.usage, usageOf(chunk.usage)) : answer.usage;
  if (choice === undefined) return { ...answer, usage };
  const thought = choice.delta.reasoning_content ?? "";
  const text = choice.delta.content ?? "";
  const calls = choice.delta.tool_calls ?? [];
  return {
    ...answer,
    usage,
    thought: answer.thought + thought,
    text: answer.text + text,
    calls: calls.reduce(withCall, answer.calls),
    finish: choice.finish_reason ?? answer.finish,
    times: timed(answer.times, { thinks: thought !== "", speaks: text !== "" || calls.length > 0 }, now),
  };
}

/** The times once the answer has ended at `now`: a thought that nothing followed has ended too. */
export function endedTimes(times: Times, now: number): Times {
  return times.thoughtFrom !== null && times.thoughtTo === null ? { ...times, thoughtTo: times.last ?? now } : times;
}

function timed(times: Times, piece: { readonly thinks: boolean; readonly speaks: boolean }, now: number): Times {
  if (!piece.thinks && !piece.speaks) return times;
  const thoughtFrom = times.thoughtFrom ?? (piece.thinks ? now : null);
  const isOver = thoughtFrom !== null && times.thoughtTo === null && piece.speaks;
  return {
    ...times,
    first: times.first ?? now,
    last: now,
    pieces: times.pieces + 1,
    thoughtFrom,
    thoughtTo: isOver ? now : times.thoughtTo,
  };
}

function withCall(calls: readonly Call[], delta: CallDelta): readonly Call[] {
  const before = calls[delta.index] ?? { id: "", name: "", args: "", result: null };
  const after: Call = {
    ...before,
    id: delta.id ?? before.id,
    name: delta.function?.name ?? before.name,
    args: before.args + (delta.function?.arguments ?? ""),
  };
  return [...calls.slice(0, delta.index), after, ...calls.slice(delta.index + 1)];
}

function usageOf(usage: WireUsage): Usage {
  return {
    prompt: usage.prompt_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
    answer: usage.completion_tokens,
    thought: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}

/** The usage of an answer in several parts: the last prompt, and all that was generated. */
function added(before: Usage | null, part: Usage): Usage {
  if (before === null) return part;
  return { ...part, answer: before.answer + part.answer, thought: before.thought + part.thought };
}
