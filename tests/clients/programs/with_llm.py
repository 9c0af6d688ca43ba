"""llm, the command-line program, through its Python library and its file of other servers' models."""

import json
from pathlib import Path

import llm
import openai
import yaml
from seen import Task, show


class ChatCompletions:
    responses = False

    def __init__(self, task: Task) -> None:
        self.task = task
        common = {
            "api_base": f"{task.url}/v1",
            "supports_tools": True,
            "supports_schema": True,
            "reasoning": self.responses,
            "responses": self.responses,
            "headers": {"Authorization": f"Bearer {task.key}"},
        }
        models = [{"model_id": name, "model_name": name, **common} for name in (task.model, task.thinker)]
        folder = llm.user_dir()
        Path(folder, "extra-openai-models.yaml").write_text(yaml.safe_dump(models))

    def model(self, name):
        (found,) = [model for model in llm.get_models() if model.model_id == name]
        found.key = self.task.key
        return found

    def ask(self, text, model: str, **more):
        return self.model(model).prompt(text, **more)

    def brief(self, **more):
        return self.ask(self.task.question, self.task.model, temperature=0, max_tokens=30, **more)

    def chat(self):
        return {"text": self.brief(stream=False).text()}

    def stream(self):
        return {"pieces": list(self.brief())}

    def with_tool(self, stream):
        calls = []

        def get_weather(city: str) -> str:
            """The weather of a city."""
            calls.append(["get_weather", {"city": city}])
            return self.task.result

        chain = self.model(self.task.thinker).chain(self.task.weather, tools=[get_weather], stream=stream)
        return {"text": chain.text(), "calls": calls}

    def tools(self):
        return self.with_tool(False)

    def tool_stream(self):
        return self.with_tool(True)

    def structured(self):
        return json.loads(self.ask(self.task.weather, self.task.thinker, schema=self.task.schema, stream=False).text())

    def cancel(self):
        pieces = iter(self.ask(self.task.story, self.task.model))
        next(piece for piece in pieces if piece)
        pieces.close()
        return {}

    def tokens(self):
        whole = self.ask(self.task.weather, self.task.thinker, stream=False)
        streamed = self.ask(self.task.weather, self.task.thinker)
        whole.text(), streamed.text()
        return {
            "input": whole.usage().input,
            "output": whole.usage().output,
            "streamed": [streamed.usage().input, streamed.usage().output],
        }

    def overflow(self):
        try:
            self.ask(self.task.too_long, self.task.model).text()
        except openai.BadRequestError as error:
            return {"status": error.status_code, "recognised": error.code == "context_length_exceeded"}

    def wrong_key(self):
        try:
            self.brief().text()
        except openai.AuthenticationError as error:
            return {"status": error.status_code}


show({"llm, Chat Completions": ChatCompletions})
