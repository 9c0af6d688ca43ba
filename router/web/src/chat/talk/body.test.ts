import { expect, test } from "vitest";

import { sampleAnswer, sampleQuestion } from "../store/samples";
import { NO_SETTINGS } from "../store/types";
import { chatBody, ToolsError, toolsOf } from "./body";

test("without settings, only the messages are sent: the server has its own defaults", () => {
  expect(chatBody("m", NO_SETTINGS, [sampleQuestion("Hello", null)])).toEqual({
    model: "m",
    messages: [{ role: "user", content: "Hello" }],
    stream: true,
    stream_options: { include_usage: true },
  });
});

test("settings go along, 0 too", () => {
  const settings = {
    system: " Be brief. ",
    temperature: 0,
    topP: 0.9,
    maxTokens: 50,
    seed: 0,
    thinking: "none" as const,
    tools: "",
  };
  expect(chatBody("m", settings, [sampleQuestion("Hello", null)], true)).toMatchObject({
    messages: [{ role: "system", content: "Be brief." }, { role: "user" }],
    temperature: 0,
    top_p: 0.9,
    max_tokens: 50,
    seed: 0,
    reasoning_effort: "none",
    continue_final_message: true,
  });
});

test("text files stand before the message, in fences that their text cannot end", () => {
  const files = [{ kind: "text" as const, name: "a.md", text: "```\nx\n```" }];
  const [message] = chatBody("m", NO_SETTINGS, [sampleQuestion("Read this.", null, { files })]).messages;
  expect(message?.content).toBe("a.md:\n````md\n```\nx\n```\n````\n\nRead this.");
});

test("pictures are parts in OpenAI's form", () => {
  const files = [{ kind: "image" as const, name: "p.png", url: "data:image/png;base64,AA==" }];
  const [message] = chatBody("m", NO_SETTINGS, [sampleQuestion("What is it?", null, { files })]).messages;
  expect(message?.content).toEqual([
    { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
    { type: "text", text: "What is it?" },
  ]);
});

test("recordings are parts in OpenAI's form, in the order in which they were added", () => {
  const files = [
    { kind: "audio" as const, name: "a.wav", url: "data:audio/wav;base64,AA==" },
    { kind: "image" as const, name: "p.png", url: "data:image/png;base64,AA==" },
  ];
  const [message] = chatBody("m", NO_SETTINGS, [sampleQuestion("", null, { files })]).messages;
  expect(message?.content).toEqual([
    { type: "input_audio", input_audio: { data: "data:audio/wav;base64,AA==" } },
    { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
  ]);
});

test("calls are sent with their results, thoughts with their answers, and what said nothing is left out", () => {
  const calls = [
    { id: "1", name: "f", args: "{}", result: "one" },
    { id: "2", name: "g", args: "{}", result: "two" },
  ];
  const branch = [
    sampleQuestion("q", null),
    sampleAnswer("", "q", { calls, thought: "Hm." }),
    sampleAnswer("", "a", { state: "failed" }),
  ];
  expect(chatBody("m", NO_SETTINGS, branch).messages.slice(1)).toEqual([
    {
      role: "assistant",
      content: "",
      reasoning_content: "Hm.",
      tool_calls: [
        { id: "1", type: "function", function: { name: "f", arguments: "{}" } },
        { id: "2", type: "function", function: { name: "g", arguments: "{}" } },
      ],
    },
    { role: "tool", tool_call_id: "1", content: "one" },
    { role: "tool", tool_call_id: "2", content: "two" },
  ]);
});

test("functions may be written with or without their wrapping", () => {
  const wrapped = { type: "function", function: { name: "f" } };
  expect(toolsOf(JSON.stringify([wrapped, { name: "g" }]))).toEqual([
    wrapped,
    { type: "function", function: { name: "g" } },
  ]);
  expect(toolsOf("  ")).toEqual([]);
  expect(() => toolsOf("{")).toThrow(ToolsError);
  expect(() => toolsOf("{}")).toThrow(ToolsError);
});
