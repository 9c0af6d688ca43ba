// The openai package for JavaScript.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { show } from "./seen.mjs";

const Weather = z.object({ city: z.string(), days: z.number().int() });

class Client {
  constructor(task) {
    this.task = task;
    this.client = new OpenAI({ baseURL: `${task.url}/v1`, apiKey: task.key, maxRetries: 0 });
  }

  async overflow() {
    try {
      await this.ask(this.task.too_long, this.task.model);
    } catch (error) {
      if (!(error instanceof OpenAI.BadRequestError)) throw error;
      return { status: error.status, recognised: error.code === "context_length_exceeded" };
    }
  }

  async wrong_key() {
    try {
      await this.ask(this.task.question, this.task.model);
    } catch (error) {
      if (!(error instanceof OpenAI.AuthenticationError)) throw error;
      return { status: error.status };
    }
  }
}

class ChatCompletions extends Client {
  ask(text, model, more = {}) {
    const messages = typeof text === "string" ? [{ role: "user", content: text }] : text;
    return this.client.chat.completions.create({ model, messages, ...more });
  }

  async chat() {
    const answer = await this.ask(this.task.question, this.task.model, { temperature: 0, max_completion_tokens: 30 });
    return { text: answer.choices[0].message.content };
  }

  async stream() {
    const more = { temperature: 0, max_completion_tokens: 30, stream: true };
    const pieces = [];
    for await (const chunk of await this.ask(this.task.question, this.task.model, more)) {
      if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
    }
    return { pieces };
  }

  functions() {
    return [{ type: "function", function: this.task.function }];
  }

  async tools() {
    const answer = await this.ask(this.task.weather, this.task.thinker, { tools: this.functions() });
    return this.answered(answer.choices[0].message);
  }

  async tool_stream() {
    const messages = [{ role: "user", content: this.task.weather }];
    const stream = this.client.chat.completions.stream({ model: this.task.thinker, messages, tools: this.functions() });
    return this.answered(await stream.finalMessage());
  }

  async answered(message) {
    const calls = message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
    const results = message.tool_calls.map((call) => (
      { role: "tool", tool_call_id: call.id, content: this.task.result }
    ));
    const history = [{ role: "user", content: this.task.weather }, message, ...results];
    const answer = await this.ask(history, this.task.thinker, { tools: this.functions() });
    return { calls, text: answer.choices[0].message.content };
  }

  async structured() {
    const answer = await this.client.chat.completions.parse({
      model: this.task.thinker,
      messages: [{ role: "user", content: this.task.weather }],
      response_format: zodResponseFormat(Weather, "weather"),
    });
    return answer.choices[0].message.parsed;
  }

  async thought() {
    const message = (await this.ask(this.task.weather, this.task.thinker)).choices[0].message;
    let streamed = "";
    for await (const chunk of await this.ask(this.task.weather, this.task.thinker, { stream: true })) {
      streamed += chunk.choices[0]?.delta.reasoning_content ?? "";
    }
    return { thought: message.reasoning_content, text: message.content, streamed };
  }

  async cancel() {
    for await (const chunk of await this.ask(this.task.story, this.task.model, { stream: true })) {
      if (chunk.choices[0]?.delta.content) break;
    }
    return {};
  }

  async tokens() {
    const { usage } = await this.ask(this.task.weather, this.task.thinker);
    const more = { stream: true, stream_options: { include_usage: true } };
    let last;
    for await (const chunk of await this.ask(this.task.weather, this.task.thinker, more)) last = chunk;
    return {
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
      streamed: [last.usage.prompt_tokens, last.usage.completion_tokens],
    };
  }

  async models() {
    return (await this.client.models.list()).data.map((model) => model.id);
  }

  async embeddings() {
    const answer = await this.client.embeddings.create({ model: this.task.embedder, input: this.task.texts });
    return answer.data.map((item) => item.embedding);
  }
}

class Responses extends Client {
  ask(input, model, more = {}) {
    return this.client.responses.create({ model, input, ...more });
  }

  async chat() {
    const more = { temperature: 0, max_output_tokens: 30 };
    return { text: (await this.ask(this.task.question, this.task.model, more)).output_text };
  }

  async stream() {
    const more = { temperature: 0, max_output_tokens: 30, stream: true };
    const pieces = [];
    for await (const event of await this.ask(this.task.question, this.task.model, more)) {
      if (event.type === "response.output_text.delta") pieces.push(event.delta);
    }
    return { pieces };
  }

  functions() {
    return [{ type: "function", strict: false, ...this.task.function }];
  }

  async tools() {
    return this.answered(await this.ask(this.task.weather, this.task.thinker, { tools: this.functions() }));
  }

  async tool_stream() {
    const body = { model: this.task.thinker, input: this.task.weather, tools: this.functions() };
    return this.answered(await this.client.responses.stream(body).finalResponse());
  }

  async answered(response) {
    const called = response.output.filter((item) => item.type === "function_call");
    const results = called.map((call) => (
      { type: "function_call_output", call_id: call.call_id, output: this.task.result }
    ));
    const more = { tools: this.functions(), previous_response_id: response.id };
    const answer = await this.ask(results, this.task.thinker, more);
    return { calls: called.map((call) => [call.name, JSON.parse(call.arguments)]), text: answer.output_text };
  }

  async structured() {
    const answer = await this.client.responses.parse({
      model: this.task.thinker,
      input: this.task.weather,
      text: { format: zodTextFormat(Weather, "weather") },
    });
    return answer.output_parsed;
  }

  async thought() {
    const response = await this.ask(this.task.weather, this.task.thinker);
    let streamed = "";
    for await (const event of await this.ask(this.task.weather, this.task.thinker, { stream: true })) {
      if (event.type === "response.reasoning_text.delta") streamed += event.delta;
    }
    const reasoning = response.output.find((item) => item.type === "reasoning");
    return { thought: reasoning.content[0].text, text: response.output_text, streamed };
  }

  async cancel() {
    for await (const event of await this.ask(this.task.story, this.task.model, { stream: true })) {
      if (event.type === "response.output_text.delta") break;
    }
    return {};
  }

  async tokens() {
    const { usage } = await this.ask(this.task.weather, this.task.thinker);
    let last;
    for await (const event of await this.ask(this.task.weather, this.task.thinker, { stream: true })) last = event;
    const streamed = last.response.usage;
    return {
      input: usage.input_tokens,
      output: usage.output_tokens,
      streamed: [streamed.input_tokens, streamed.output_tokens],
    };
  }
}

await show({ "openai (Node), Chat Completions": ChatCompletions, "openai (Node), Responses": Responses });
