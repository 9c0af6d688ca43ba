"""pydantic-ai with its models for three APIs."""

import pydantic
from pydantic_ai import Agent, Embedder, NativeOutput
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.exceptions import ModelAuthenticationError, ModelContextWindowExceededError
from pydantic_ai.messages import ThinkingPart, ToolCallPart
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from seen import Task, show


class Weather(pydantic.BaseModel):
    city: str
    days: int


class ChatCompletions:
    kind = OpenAIChatModel
    structure = NativeOutput(Weather)

    def __init__(self, task: Task) -> None:
        self.task = task

    def agent(self, name: str, **more) -> Agent:
        return Agent(self.kind(name, provider=self.provider()), **more)

    def provider(self):
        return OpenAIProvider(base_url=f"{self.task.url}/v1", api_key=self.task.key)

    def brief(self):
        return self.agent(self.task.model, model_settings={"temperature": 0, "max_tokens": 30})

    async def chat(self):
        return {"text": (await self.brief().run(self.task.question)).output}

    async def stream(self):
        async with self.brief().run_stream(self.task.question) as result:
            return {"pieces": [piece async for piece in result.stream_text(delta=True, debounce_by=None)]}

    def with_tool(self):
        agent = self.agent(self.task.thinker)

        @agent.tool_plain
        def get_weather(city: str) -> str:
            """The weather of a city."""
            return self.task.result

        return agent

    async def tools(self):
        return self.calls_in(await self.with_tool().run(self.task.weather))

    async def tool_stream(self):
        async with self.with_tool().run_stream(self.task.weather) as result:
            await result.get_output()
            return self.calls_in(result, await result.get_output())

    def calls_in(self, result, output=None):
        parts = [part for message in result.all_messages() for part in message.parts]
        calls = [[part.tool_name, part.args_as_dict()] for part in parts if isinstance(part, ToolCallPart)]
        return {"calls": calls, "text": output or result.output}

    async def structured(self):
        agent = self.agent(self.task.thinker, output_type=self.structure)
        return (await agent.run(self.task.weather)).output.model_dump()

    async def thought(self):
        result = await self.agent(self.task.thinker).run(self.task.weather)
        async with self.agent(self.task.thinker).run_stream(self.task.weather) as stream:
            await stream.get_output()
        return {
            "thought": self.thought_in(result),
            "text": result.output,
            "streamed": self.thought_in(stream),
        }

    def thought_in(self, result):
        parts = [part for message in result.all_messages() for part in message.parts]
        return "".join(self.text_of(part) for part in parts if isinstance(part, ThinkingPart))

    def text_of(self, part):
        return part.content or "".join((part.provider_details or {}).get("raw_content", []))

    async def cancel(self):
        async with self.agent(self.task.model).run_stream(self.task.story) as result:
            async for _ in result.stream_text(delta=True, debounce_by=None):
                break
        return {}

    async def tokens(self):
        usage = (await self.agent(self.task.thinker).run(self.task.weather)).usage
        async with self.agent(self.task.thinker).run_stream(self.task.weather) as stream:
            await stream.get_output()
        streamed = stream.usage
        return {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "streamed": [streamed.input_tokens, streamed.output_tokens],
        }

    async def overflow(self):
        try:
            await self.agent(self.task.model).run(self.task.too_long)
        except ModelContextWindowExceededError as error:
            return {"status": error.status_code, "recognised": True}

    async def wrong_key(self):
        try:
            await self.agent(self.task.model).run(self.task.question)
        except ModelAuthenticationError as error:
            return {"status": error.status_code}

    async def embeddings(self):
        embedder = Embedder(OpenAIEmbeddingModel(self.task.embedder, provider=self.provider()))
        return [list(vector) for vector in (await embedder.embed_documents(self.task.texts)).embeddings]


class Responses(ChatCompletions):
    kind = OpenAIResponsesModel
    embeddings = None


class Messages(ChatCompletions):
    kind = AnthropicModel
    structure = Weather  # as a tool's arguments: of models that it does not know it expects nothing else
    embeddings = None

    def agent(self, name: str, **more) -> Agent:
        if name == self.task.thinker and "output_type" not in more:
            more["model_settings"] = {"anthropic_thinking": {"type": "enabled", "budget_tokens": 1024}}
        return super().agent(name, **more)

    def provider(self):
        return AnthropicProvider(base_url=self.task.url, api_key=self.task.key)


show(
    {
        "pydantic-ai, Chat Completions": ChatCompletions,
        "pydantic-ai, Responses": Responses,
        "pydantic-ai, Messages": Messages,
    }
)
