/** The request for an answer, from the messages before it and the chat's settings. */
import { fenced } from "../files/fence";
import { hasContent } from "../store/tree";
import type { AnswerMessage, AttachedMedium, Message, Settings, UserMessage } from "../store/types";

export interface ChatBody {
  readonly model: string;
  readonly messages: readonly WireMessage[];
  readonly stream: true;
  readonly stream_options: { readonly include_usage: true };
  readonly temperature?: number;
  readonly top_p?: number;
  readonly max_tokens?: number;
  readonly seed?: number;
  readonly reasoning_effort?: string;
  readonly tools?: readonly unknown[];
  readonly continue_final_message?: true;
}

type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | { readonly type: "input_audio"; readonly input_audio: { readonly data: string } };

export type WireMessage =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: string | readonly Part[] }
  | {
      readonly role: "assistant";
      readonly content: string;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly WireCall[];
    }
  | { readonly role: "tool"; readonly tool_call_id: string; readonly content: string };

interface WireCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/**
 * @param before the branch that is answered; with `goesOn`, its last message is the answer that is continued.
 * @throws ToolsError the settings' functions are no JSON list.
 */
export function chatBody(model: string, settings: Settings, before: readonly Message[], goesOn = false): ChatBody {
  const system = settings.system.trim();
  const tools = toolsOf(settings.tools);
  return {
    model,
    messages: [...(system === "" ? [] : [{ role: "system" as const, content: system }]), ...before.flatMap(wire)],
    stream: true,
    stream_options: { include_usage: true },
    ...(settings.temperature === null ? {} : { temperature: settings.temperature }),
    ...(settings.topP === null ? {} : { top_p: settings.topP }),
    ...(settings.maxTokens === null ? {} : { max_tokens: settings.maxTokens }),
    ...(settings.seed === null ? {} : { seed: settings.seed }),
    ...(settings.thinking === null ? {} : { reasoning_effort: settings.thinking }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(goesOn ? { continue_final_message: true as const } : {}),
  };
}

/** The functions of a chat are not what they should be. */
export class ToolsError extends Error {}

/** Functions that a person has written, as the API takes them; bare functions are wrapped. */
export function toolsOf(text: string): readonly unknown[] {
  if (text.trim() === "") return [];
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new ToolsError(error instanceof Error ? error.message : String(error));
  }
  if (!Array.isArray(found)) throw new ToolsError("[ … ]");
  return found.map((one: unknown) => (isBareFunction(one) ? { type: "function", function: one } : one));
}

function isBareFunction(value: unknown): boolean {
  return typeof value === "object" && value !== null && "name" in value && !("function" in value);
}

function wire(message: Message): WireMessage[] {
  return message.role === "user" ? [question(message)] : answer(message);
}

function question(message: UserMessage): WireMessage {
  const texts = message.files.flatMap((file) => (file.kind === "text" ? [fenced(file)] : []));
  const text = [...texts, message.text].filter((part) => part !== "").join("\n\n");
  const parts: Part[] = message.files.flatMap((file) => (file.kind === "text" ? [] : [medium(file)]));
  if (parts.length === 0) return { role: "user", content: text };
  return { role: "user", content: text === "" ? parts : [...parts, { type: "text", text }] };
}

function medium({ kind, url }: AttachedMedium): Part {
  return kind === "image"
    ? { type: "image_url", image_url: { url } }
    : { type: "input_audio", input_audio: { data: url } };
}

function answer(message: AnswerMessage): WireMessage[] {
  if (!hasContent(message)) return []; // it failed before it began
  const calls = message.calls.filter((call) => call.result !== null);
  return [
    {
      role: "assistant",
      content: message.text,
      ...(message.thought === "" ? {} : { reasoning_content: message.thought }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(wireCall) }),
    },
    ...calls.map((call) => ({ role: "tool" as const, tool_call_id: call.id, content: call.result ?? "" })),
  ];
}

function wireCall(call: { readonly id: string; readonly name: string; readonly args: string }): WireCall {
  return { id: call.id, type: "function", function: { name: call.name, arguments: call.args } };
}
