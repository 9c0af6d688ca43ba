"""LangChain's package for OpenAI's API."""

import langchain_core.exceptions
import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel
from seen import Task, show


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    days: int


class ChatCompletions:
    responses = False

    def __init__(self, task: Task) -> None:
        self.task = task

    def model(self, name: str, **more) -> ChatOpenAI:
        return ChatOpenAI(
            model=name,
            base_url=f"{self.task.url}/v1",
            api_key=self.task.key,
            max_retries=0,
            use_responses_api=self.responses,
            **more,
        )

    def chat(self):
        return {"text": self.model(self.task.model, temperature=0, max_tokens=30).invoke(self.task.question).text}

    def stream(self):
        model = self.model(self.task.model, temperature=0, max_tokens=30)
        return {"pieces": [chunk.text for chunk in model.stream(self.task.question) if chunk.text]}

    def tools(self):
        model = self.model(self.task.thinker).bind_tools([self.task.function])
        return self.answered(model, model.invoke(self.task.weather))

    def tool_stream(self):
        model = self.model(self.task.thinker).bind_tools([self.task.function])
        message, *others = model.stream(self.task.weather)
        for other in others:
            message += other
        return self.answered(model, message)

    def answered(self, model, message):
        calls = [[call["name"], call["args"]] for call in message.tool_calls]
        results = [ToolMessage(self.task.result, tool_call_id=call["id"]) for call in message.tool_calls]
        return {"calls": calls, "text": model.invoke([HumanMessage(self.task.weather), message, *results]).text}

    def structured(self):
        model = self.model(self.task.thinker).with_structured_output(Weather, method="json_schema")
        return model.invoke(self.task.weather).model_dump()

    def cancel(self):
        chunks = self.model(self.task.model).stream(self.task.story)
        next(chunk for chunk in chunks if chunk.text)
        chunks.close()
        return {}

    def tokens(self):
        usage = self.model(self.task.thinker).invoke(self.task.weather).usage_metadata
        message, *others = self.model(self.task.thinker, stream_usage=True).stream(self.task.weather)
        for other in others:
            message += other
        streamed = message.usage_metadata
        return {
            "input": usage["input_tokens"],
            "output": usage["output_tokens"],
            "streamed": [streamed["input_tokens"], streamed["output_tokens"]],
        }

    def overflow(self):
        try:
            self.model(self.task.model).invoke(self.task.too_long)
        except langchain_core.exceptions.ContextOverflowError as error:
            return {"status": error.status_code, "recognised": True}

    def wrong_key(self):
        try:
            self.model(self.task.model).invoke(self.task.question)
        except openai.AuthenticationError as error:
            return {"status": error.status_code}

    def embeddings(self):
        model = OpenAIEmbeddings(
            model=self.task.embedder,
            base_url=f"{self.task.url}/v1",
            api_key=self.task.key,
            check_embedding_ctx_length=False,
        )
        return model.embed_documents(self.task.texts)


class Responses(ChatCompletions):
    responses = True
    embeddings = None

    def thought(self):
        model = self.model(self.task.thinker, reasoning={"summary": "auto"})
        message = model.invoke(self.task.weather)
        thoughts = [self.thought_in(chunk) for chunk in model.stream(self.task.weather)]
        return {"thought": self.thought_in(message), "text": message.text, "streamed": "".join(thoughts)}

    def thought_in(self, message):
        blocks = message.content_blocks
        return "".join(block.get("reasoning", "") for block in blocks if block["type"] == "reasoning")


show({"langchain-openai, Chat Completions": ChatCompletions, "langchain-openai, Responses": Responses})
