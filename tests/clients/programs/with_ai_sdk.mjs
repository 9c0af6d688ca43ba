// The AI SDK with three of its providers.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { show } from "./seen.mjs";

class Client {
  constructor(task) {
    this.task = task;
  }

  options(name, more) {
    return { model: this.model(name), maxRetries: 0, onError: () => {}, ...this.settings(name), ...more };
  }

  settings(name) {
    return {};
  }

  generated(name, prompt, more = {}) {
    return generateText(this.options(name, { prompt, ...more }));
  }

  streamed(name, prompt, more = {}) {
    return streamText(this.options(name, { prompt, ...more }));
  }

  async chat() {
    const more = { temperature: 0, maxOutputTokens: 30 };
    return { text: (await this.generated(this.task.model, this.task.question, more)).text };
  }

  async stream() {
    const pieces = [];
    const more = { temperature: 0, maxOutputTokens: 30 };
    for await (const piece of this.streamed(this.task.model, this.task.question, more).textStream) pieces.push(piece);
    return { pieces };
  }

  withTool() {
    const { name, description, parameters } = this.task.function;
    const execute = async () => this.task.result;
    const tools = { [name]: tool({ description, inputSchema: jsonSchema(parameters), execute }) };
    return { tools, stopWhen: stepCountIs(3) };
  }

  async tools() {
    return this.called(await this.generated(this.task.thinker, this.task.weather, this.withTool()));
  }

  async tool_stream() {
    return this.called(this.streamed(this.task.thinker, this.task.weather, this.withTool()));
  }

  async called(result) {
    const calls = (await result.steps).flatMap((step) => step.toolCalls.map((call) => [call.toolName, call.input]));
    return { calls, text: await result.text };
  }

  async structured() {
    const output = Output.object({ schema: jsonSchema(this.task.schema) });
    return (await this.generated(this.task.thinker, this.task.weather, { output })).output;
  }

  async cancel() {
    const stop = new AbortController();
    for await (const piece of this.streamed(this.task.model, this.task.story, { abortSignal: stop.signal }).textStream) {
      if (piece) stop.abort();
    }
    return {};
  }

  async tokens() {
    const { usage } = await this.generated(this.task.thinker, this.task.weather);
    const streamed = await this.streamed(this.task.thinker, this.task.weather).usage;
    return {
      input: usage.inputTokens,
      output: usage.outputTokens,
      streamed: [streamed.inputTokens, streamed.outputTokens],
    };
  }

  async refusal(name, prompt) {
    try {
      await this.generated(name, prompt);
    } catch (error) {
      if (!APICallError.isInstance(error)) throw error;
      return error;
    }
  }

  async overflow() {
    const error = await this.refusal(this.task.model, this.task.too_long);
    return { status: error.statusCode, recognised: this.recognised(JSON.parse(error.responseBody)) };
  }

  recognised(body) {
    return body.error.code === "context_length_exceeded";
  }

  async wrong_key() {
    return { status: (await this.refusal(this.task.model, this.task.question)).statusCode };
  }
}

class Thoughtful extends Client {
  async thought() {
    const result = await this.generated(this.task.thinker, this.task.weather);
    const streamed = await this.streamed(this.task.thinker, this.task.weather).reasoningText;
    return { thought: result.reasoningText, text: result.text, streamed };
  }
}

async function embeddings() {
  const model = this.provider().textEmbeddingModel(this.task.embedder);
  return (await embedMany({ model, values: this.task.texts })).embeddings;
}

class OpenAIChat extends Client {
  provider() {
    return createOpenAI({ baseURL: `${this.task.url}/v1`, apiKey: this.task.key });
  }

  model(name) {
    return this.provider().chat(name);
  }
}
OpenAIChat.prototype.embeddings = embeddings;

class OpenAIResponses extends Thoughtful {
  settings(name) {
    if (name !== this.task.thinker) return {};
    return { providerOptions: { openai: { forceReasoning: true, reasoningSummary: "auto" } } };
  }

  provider() {
    return createOpenAI({ baseURL: `${this.task.url}/v1`, apiKey: this.task.key });
  }

  model(name) {
    return this.provider()(name);
  }
}

class Compatible extends Thoughtful {
  provider() {
    const options = { includeUsage: true, supportsStructuredOutputs: true };
    return createOpenAICompatible({ name: "nexa", baseURL: `${this.task.url}/v1`, apiKey: this.task.key, ...options });
  }

  model(name) {
    return this.provider()(name);
  }
}
Compatible.prototype.embeddings = embeddings;

class AnthropicMessages extends Thoughtful {
  model(name) {
    return createAnthropic({ baseURL: `${this.task.url}/v1`, apiKey: this.task.key })(name);
  }

  settings(name) {
    if (name !== this.task.thinker) return {};
    const thinking = { type: "enabled", budgetTokens: 1024 };
    return { maxOutputTokens: 1500, providerOptions: { anthropic: { thinking } } };
  }

  recognised(body) {
    return body.error.message.includes("prompt is too long");
  }
}

await show({
  "@ai-sdk/openai, Chat Completions": OpenAIChat,
  "@ai-sdk/openai, Responses": OpenAIResponses,
  "@ai-sdk/openai-compatible, Chat Completions": Compatible,
  "@ai-sdk/anthropic, Messages": AnthropicMessages,
});
