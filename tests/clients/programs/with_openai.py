"""The openai package for Python."""

import json

import openai
from pydantic import BaseModel
from seen import Task, show


class Weather(BaseModel):
    city: str
    days: int


class _Client:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.client = openai.OpenAI(base_url=f"{task.url}/v1", api_key=task.key, max_retries=0)


class ChatCompletions(_Client):
    def ask(self, text: str, model: str, **more):
        messages = [{"role": "user", "content": text}]
        return self.client.chat.completions.create(model=model, messages=messages, **more)

    def chat(self):
        answer = self.ask(self.task.question, self.task.model, temperature=0, max_completion_tokens=30)
        return {"text": answer.choices[0].message.content}

    def stream(self):
        chunks = self.ask(self.task.question, self.task.model, temperature=0, max_completion_tokens=30, stream=True)
        return {"pieces": [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]}

    def tools(self):
        message = self.ask(self.task.weather, self.task.thinker, tools=self.functions()).choices[0].message
        return self.answered(message)

    def tool_stream(self):
        messages = [{"role": "user", "content": self.task.weather}]
        with self.client.chat.completions.stream(
            model=self.task.thinker, messages=messages, tools=self.functions()
        ) as stream:
            message = stream.get_final_completion().choices[0].message
        return self.answered(message)

    def functions(self):
        return [{"type": "function", "function": self.task.function}]

    def answered(self, message):
        history = [{"role": "user", "content": self.task.weather}, message.model_dump(exclude_none=True)]
        calls = []
        for call in message.tool_calls:
            calls.append([call.function.name, json.loads(call.function.arguments)])
            history.append({"role": "tool", "tool_call_id": call.id, "content": self.task.result})
        answer = self.client.chat.completions.create(model=self.task.thinker, messages=history, tools=self.functions())
        return {"calls": calls, "text": answer.choices[0].message.content}

    def structured(self):
        messages = [{"role": "user", "content": self.task.weather}]
        answer = self.client.chat.completions.parse(model=self.task.thinker, messages=messages, response_format=Weather)
        return answer.choices[0].message.parsed.model_dump()

    def thought(self):
        message = self.ask(self.task.weather, self.task.thinker).choices[0].message
        chunks = self.ask(self.task.weather, self.task.thinker, stream=True)
        streamed = "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks)
        return {"thought": message.reasoning_content, "text": message.content, "streamed": streamed}

    def cancel(self):
        with self.ask(self.task.story, self.task.model, stream=True) as chunks:
            next(chunk for chunk in chunks if chunk.choices[0].delta.content)
        return {}

    def tokens(self):
        usage = self.ask(self.task.weather, self.task.thinker).usage
        *_, last = self.ask(self.task.weather, self.task.thinker, stream=True, stream_options={"include_usage": True})
        return {
            "input": usage.prompt_tokens,
            "output": usage.completion_tokens,
            "streamed": [last.usage.prompt_tokens, last.usage.completion_tokens],
        }

    def overflow(self):
        try:
            self.ask(self.task.too_long, self.task.model)
        except openai.BadRequestError as error:
            return {"status": error.status_code, "recognised": error.code == "context_length_exceeded"}

    def wrong_key(self):
        try:
            self.ask(self.task.question, self.task.model)
        except openai.AuthenticationError as error:
            return {"status": error.status_code}

    def models(self):
        return [model.id for model in self.client.models.list()]

    def embeddings(self):
        answer = self.client.embeddings.create(model=self.task.embedder, input=self.task.texts)
        return [item.embedding for item in answer.data]


class Responses(_Client):
    def ask(self, text, model: str, **more):
        return self.client.responses.create(model=model, input=text, **more)

    def chat(self):
        return {"text": self.ask(self.task.question, self.task.model, temperature=0, max_output_tokens=30).output_text}

    def stream(self):
        events = self.ask(self.task.question, self.task.model, temperature=0, max_output_tokens=30, stream=True)
        return {"pieces": [event.delta for event in events if event.type == "response.output_text.delta"]}

    def functions(self):
        return [{"type": "function", "strict": False, **self.task.function}]

    def tools(self):
        return self.answered(self.ask(self.task.weather, self.task.thinker, tools=self.functions()))

    def tool_stream(self):
        with self.client.responses.stream(
            model=self.task.thinker, input=self.task.weather, tools=self.functions()
        ) as stream:
            return self.answered(stream.get_final_response())

    def answered(self, response):
        calls, results = [], []
        for call in response.output:
            if call.type == "function_call":
                calls.append([call.name, json.loads(call.arguments)])
                results.append({"type": "function_call_output", "call_id": call.call_id, "output": self.task.result})
        answer = self.ask(results, self.task.thinker, tools=self.functions(), previous_response_id=response.id)
        return {"calls": calls, "text": answer.output_text}

    def structured(self):
        answer = self.client.responses.parse(model=self.task.thinker, input=self.task.weather, text_format=Weather)
        return answer.output_parsed.model_dump()

    def thought(self):
        response = self.ask(self.task.weather, self.task.thinker)
        streamed = "".join(
            event.delta
            for event in self.ask(self.task.weather, self.task.thinker, stream=True)
            if event.type == "response.reasoning_text.delta"
        )
        (reasoning,) = [item for item in response.output if item.type == "reasoning"]
        return {"thought": reasoning.content[0].text, "text": response.output_text, "streamed": streamed}

    def cancel(self):
        with self.ask(self.task.story, self.task.model, stream=True) as events:
            next(event for event in events if event.type == "response.output_text.delta")
        return {}

    def tokens(self):
        usage = self.ask(self.task.weather, self.task.thinker).usage
        *_, last = self.ask(self.task.weather, self.task.thinker, stream=True)
        streamed = last.response.usage
        return {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "streamed": [streamed.input_tokens, streamed.output_tokens],
        }

    overflow = ChatCompletions.overflow
    wrong_key = ChatCompletions.wrong_key


show({"openai (Python), Chat Completions": ChatCompletions, "openai (Python), Responses": Responses})
