"""OpenAI's agents, with both of their models."""

import json

import agents
import openai
from agents import Agent, ModelSettings, Runner, function_tool
from pydantic import BaseModel
from seen import Task, show

agents.set_tracing_disabled(True)


class Weather(BaseModel):
    city: str
    days: int


class ChatCompletions:
    kind = agents.OpenAIChatCompletionsModel

    def __init__(self, task: Task) -> None:
        self.task = task

    def agent(self, name: str, **more) -> Agent:
        client = openai.AsyncOpenAI(base_url=f"{self.task.url}/v1", api_key=self.task.key, max_retries=0)
        return Agent(name="A", model=self.kind(name, client), **more)

    def brief(self):
        return self.agent(self.task.model, model_settings=ModelSettings(temperature=0, max_tokens=30))

    async def chat(self):
        return {"text": (await Runner.run(self.brief(), self.task.question)).final_output}

    async def stream(self):
        result = Runner.run_streamed(self.brief(), self.task.question)
        return {"pieces": [piece async for piece in self.texts_of(result)]}

    async def texts_of(self, result):
        async for event in result.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                yield event.data.delta

    def with_tool(self):
        @function_tool
        def get_weather(city: str) -> str:
            """The weather of a city."""
            return self.task.result

        return self.agent(self.task.thinker, tools=[get_weather])

    async def tools(self):
        return self.called(await Runner.run(self.with_tool(), self.task.weather))

    async def tool_stream(self):
        result = Runner.run_streamed(self.with_tool(), self.task.weather)
        async for _ in result.stream_events():
            pass
        return self.called(result)

    def called(self, result):
        items = [item.raw_item for item in result.new_items if item.type == "tool_call_item"]
        return {"calls": [[item.name, json.loads(item.arguments)] for item in items], "text": result.final_output}

    async def structured(self):
        agent = self.agent(self.task.thinker, output_type=Weather)
        return (await Runner.run(agent, self.task.weather)).final_output.model_dump()

    async def thought(self):
        result = await Runner.run(self.agent(self.task.thinker), self.task.weather)
        streamed = Runner.run_streamed(self.agent(self.task.thinker), self.task.weather)
        async for _ in streamed.stream_events():
            pass
        return {
            "thought": self.thought_in(result),
            "text": result.final_output,
            "streamed": self.thought_in(streamed),
        }

    def thought_in(self, result):
        items = [item.raw_item for item in result.new_items if item.type == "reasoning_item"]
        return "".join(part.text for item in items for part in item.content or item.summary)

    async def cancel(self):
        result = Runner.run_streamed(self.agent(self.task.model), self.task.story)
        async for _ in self.texts_of(result):
            break
        result.cancel()
        async for _ in result.stream_events():
            pass
        return {}

    async def tokens(self):
        settings = ModelSettings(include_usage=True)
        usage = (await Runner.run(self.agent(self.task.thinker), self.task.weather)).context_wrapper.usage
        result = Runner.run_streamed(self.agent(self.task.thinker, model_settings=settings), self.task.weather)
        async for _ in result.stream_events():
            pass
        streamed = result.context_wrapper.usage
        return {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "streamed": [streamed.input_tokens, streamed.output_tokens],
        }

    async def overflow(self):
        try:
            await Runner.run(self.agent(self.task.model), self.task.too_long)
        except openai.BadRequestError as error:
            return {"status": error.status_code, "recognised": error.code == "context_length_exceeded"}

    async def wrong_key(self):
        try:
            await Runner.run(self.agent(self.task.model), self.task.question)
        except openai.AuthenticationError as error:
            return {"status": error.status_code}


class Responses(ChatCompletions):
    kind = agents.OpenAIResponsesModel


show({"openai-agents, Chat Completions": ChatCompletions, "openai-agents, Responses": Responses})
