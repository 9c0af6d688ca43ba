"""The ollama package."""

import json

import ollama
from seen import Task, show


class Ollama:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.client = ollama.Client(task.url, headers={"Authorization": f"Bearer {task.key}"})

    def ask(self, text, model: str, **more):
        messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
        return self.client.chat(model, messages, **more)

    def brief(self, **more):
        options = {"temperature": 0, "num_predict": 30}
        return self.ask(self.task.question, self.task.model, options=options, **more)

    def chat(self):
        return {"text": self.brief().message.content}

    def stream(self):
        return {"pieces": [part.message.content for part in self.brief(stream=True) if part.message.content]}

    def functions(self):
        return [{"type": "function", "function": self.task.function}]

    def tools(self):
        return self.answered([self.ask(self.task.weather, self.task.thinker, tools=self.functions())])

    def tool_stream(self):
        return self.answered(self.ask(self.task.weather, self.task.thinker, tools=self.functions(), stream=True))

    def answered(self, parts):
        calls = [call for part in parts for call in part.message.tool_calls or []]
        history = [
            {"role": "user", "content": self.task.weather},
            ollama.Message(role="assistant", tool_calls=calls),
            *({"role": "tool", "content": self.task.result, "tool_name": call.function.name} for call in calls),
        ]
        answer = self.ask(history, self.task.thinker, tools=self.functions())
        return {
            "calls": [[call.function.name, dict(call.function.arguments)] for call in calls],
            "text": answer.message.content,
        }

    def structured(self):
        return json.loads(self.ask(self.task.weather, self.task.thinker, format=self.task.schema).message.content)

    def thought(self):
        message = self.ask(self.task.weather, self.task.thinker, think=True).message
        parts = self.ask(self.task.weather, self.task.thinker, think=True, stream=True)
        streamed = "".join(part.message.thinking or "" for part in parts)
        return {"thought": message.thinking, "text": message.content, "streamed": streamed}

    def cancel(self):
        parts = self.ask(self.task.story, self.task.model, stream=True)
        next(part for part in parts if part.message.content)
        parts.close()
        return {}

    def tokens(self):
        answer = self.ask(self.task.weather, self.task.thinker, think=True)
        *_, last = self.ask(self.task.weather, self.task.thinker, think=True, stream=True)
        return {
            "input": answer.prompt_eval_count,
            "output": answer.eval_count,
            "streamed": [last.prompt_eval_count, last.eval_count],
        }

    def overflow(self):
        try:
            self.ask(self.task.too_long, self.task.model)
        except ollama.ResponseError as error:
            return {"status": error.status_code, "recognised": "maximum context length" in error.error}

    def wrong_key(self):
        try:
            self.brief()
        except ollama.ResponseError as error:
            return {"status": error.status_code}

    def models(self):
        return [model.model for model in self.client.list().models]

    def embeddings(self):
        return [list(vector) for vector in self.client.embed(self.task.embedder, self.task.texts).embeddings]


show({"ollama, Ollama": Ollama})
