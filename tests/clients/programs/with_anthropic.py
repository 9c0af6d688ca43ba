"""The anthropic package."""

import anthropic
from pydantic import BaseModel
from seen import Task, show

THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


class Weather(BaseModel):
    city: str
    days: int


class Messages:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.client = anthropic.Anthropic(base_url=task.url, api_key=task.key, max_retries=0)

    def body(self, text, model: str, **more):
        messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
        return {"model": model, "messages": messages, "max_tokens": 1500, **more}

    def ask(self, text, model: str, **more):
        return self.client.messages.create(**self.body(text, model, **more))

    def brief(self):
        return self.body(self.task.question, self.task.model, max_tokens=30, extra_body={"temperature": 0})

    def chat(self):
        return {"text": self.text_of(self.client.messages.create(**self.brief()))}

    def text_of(self, message):
        return "".join(block.text for block in message.content if block.type == "text")

    def stream(self):
        with self.client.messages.stream(**self.brief()) as stream:
            return {"pieces": list(stream.text_stream)}

    def functions(self):
        function = self.task.function
        schema = function["parameters"]
        return [{"name": function["name"], "description": function["description"], "input_schema": schema}]

    def tools(self):
        return self.answered(self.ask(self.task.weather, self.task.thinker, tools=self.functions()))

    def tool_stream(self):
        body = self.body(self.task.weather, self.task.thinker, tools=self.functions())
        with self.client.messages.stream(**body) as stream:
            return self.answered(stream.get_final_message())

    def answered(self, message):
        calls = [block for block in message.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": self.task.result} for call in calls]
        history = [
            {"role": "user", "content": self.task.weather},
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": results},
        ]
        answer = self.ask(history, self.task.thinker, tools=self.functions())
        return {"calls": [[call.name, call.input] for call in calls], "text": self.text_of(answer)}

    def structured(self):
        body = self.body(self.task.weather, self.task.thinker)
        return self.client.messages.parse(**body, output_format=Weather).parsed_output.model_dump()

    def thought(self):
        body = self.body(self.task.weather, self.task.thinker, **THINKING)
        message = self.client.messages.create(**body)
        with self.client.messages.stream(**body) as stream:
            pieces = [event.thinking for event in stream if event.type == "thinking"]
        (thought,) = [block.thinking for block in message.content if block.type == "thinking"]
        return {"thought": thought, "text": self.text_of(message), "streamed": "".join(pieces)}

    def cancel(self):
        with self.client.messages.stream(**self.body(self.task.story, self.task.model)) as stream:
            next(iter(stream.text_stream))
        return {}

    def tokens(self):
        body = self.body(self.task.weather, self.task.thinker, **THINKING)
        usage = self.client.messages.create(**body).usage
        with self.client.messages.stream(**body) as stream:
            streamed = stream.get_final_message().usage
        del body["max_tokens"]
        return {
            "input": self.client.messages.count_tokens(**body).input_tokens,
            "output": usage.output_tokens,
            "streamed": [streamed.input_tokens + streamed.cache_read_input_tokens, streamed.output_tokens],
        }

    def overflow(self):
        try:
            self.ask(self.task.too_long, self.task.model)
        except anthropic.BadRequestError as error:
            return {"status": error.status_code, "recognised": "prompt is too long" in error.message}

    def wrong_key(self):
        try:
            self.ask(self.task.question, self.task.model)
        except anthropic.AuthenticationError as error:
            return {"status": error.status_code}

    def models(self):
        return [model.id for model in self.client.models.list()]


show({"anthropic, Messages": Messages})
