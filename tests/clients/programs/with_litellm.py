"""litellm, with the prefixes of the APIs that it speaks."""

import json

import litellm
from seen import Task, show

litellm.suppress_debug_info = True


class ChatCompletions:
    prefix, path = "openai", "/v1"

    def __init__(self, task: Task) -> None:
        self.task = task

    def ask(self, text, model: str, **more):
        messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
        return litellm.completion(
            model=f"{self.prefix}/{model}",
            messages=messages,
            api_base=self.task.url + self.path,
            api_key=self.task.key,
            max_retries=0,
            **more,
        )

    def chat(self):
        answer = self.ask(self.task.question, self.task.model, temperature=0, max_tokens=30)
        return {"text": answer.choices[0].message.content}

    def stream(self):
        chunks = self.ask(self.task.question, self.task.model, temperature=0, max_tokens=30, stream=True)
        return {"pieces": [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]}

    def functions(self):
        return [{"type": "function", "function": self.task.function}]

    def tools(self):
        return self.answered(self.ask(self.task.weather, self.task.thinker, tools=self.functions()))

    def tool_stream(self):
        chunks = self.ask(self.task.weather, self.task.thinker, tools=self.functions(), stream=True)
        return self.answered(litellm.stream_chunk_builder(list(chunks)))

    def answered(self, answer):
        message = answer.choices[0].message
        history = [{"role": "user", "content": self.task.weather}, message]
        calls = []
        for call in message.tool_calls:
            calls.append([call.function.name, json.loads(call.function.arguments)])
            history.append({"role": "tool", "tool_call_id": call.id, "content": self.task.result})
        answer = self.ask(history, self.task.thinker, tools=self.functions())
        return {"calls": calls, "text": answer.choices[0].message.content}

    def structured(self):
        form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": self.task.schema, "strict": True}}
        answer = self.ask(self.task.weather, self.task.thinker, response_format=form)
        return json.loads(answer.choices[0].message.content)

    def thought(self):
        message = self.ask(self.task.weather, self.task.thinker).choices[0].message
        chunks = self.ask(self.task.weather, self.task.thinker, stream=True)
        streamed = "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks)
        return {"thought": message.reasoning_content, "text": message.content, "streamed": streamed}

    def cancel(self):
        chunks = self.ask(self.task.story, self.task.model, stream=True)
        next(chunk for chunk in chunks if chunk.choices[0].delta.content)
        chunks.completion_stream.close()
        return {}

    def tokens(self):
        usage = self.ask(self.task.weather, self.task.thinker).usage
        chunks = self.ask(self.task.weather, self.task.thinker, stream=True, stream_options={"include_usage": True})
        *_, last = chunks
        return {
            "input": usage.prompt_tokens,
            "output": usage.completion_tokens,
            "streamed": [last.usage.prompt_tokens, last.usage.completion_tokens],
        }

    def overflow(self):
        try:
            self.ask(self.task.too_long, self.task.model)
        except litellm.ContextWindowExceededError as error:
            return {"status": error.status_code, "recognised": True}

    def wrong_key(self):
        try:
            self.ask(self.task.question, self.task.model)
        except litellm.AuthenticationError as error:
            return {"status": error.status_code}

    def embeddings(self):
        answer = litellm.embedding(
            model=f"openai/{self.task.embedder}",
            input=self.task.texts,
            api_base=f"{self.task.url}/v1",
            api_key=self.task.key,
        )
        return [item["embedding"] for item in answer.data]


class Messages(ChatCompletions):
    prefix, path = "anthropic", ""
    embeddings = None

    def ask(self, text, model: str, **more):
        if model == self.task.thinker:
            more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
            more["allowed_openai_params"] = ["thinking"]
        return super().ask(text, model, **more)


show({"litellm, Chat Completions": ChatCompletions, "litellm, Messages": Messages})
