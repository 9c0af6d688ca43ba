"""The body of ``POST /api/chat``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.ollama.generation import OllamaGeneration
from router.schemas.ollama.messages import OllamaMessage, messages_to_wire
from router.schemas.text.chat import MAX_MESSAGES
from router.schemas.text.tools import MAX_TOOLS, FunctionDefinition, checked_functions
from shared.wire.jobs import TextJob, ToolChoice


class OllamaTool(RequestModel):
    """A tool; functions are the only type, which may be left out."""

    type: Literal["function"] = "function"
    function: FunctionDefinition

    @field_validator("function", mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        """Ollama's Go clients write ``"properties": null`` for a function without parameters."""
        if not isinstance(given, dict) or not isinstance(given.get("parameters"), dict):
            return given
        parameters = {name: value for name, value in given["parameters"].items() if value is not None}
        return {**given, "parameters": parameters}


class OllamaChatRequest(OllamaGeneration):
    """A chat to answer with text or, if there are tools, with calls. Without messages, the model is only loaded."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "smollm2", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}]
        }
    )

    messages: list[OllamaMessage] = Field([], max_length=MAX_MESSAGES)
    tools: list[OllamaTool] = Field([], max_length=MAX_TOOLS)

    @field_validator("tools")
    @classmethod
    def _known_tools(cls, given: list[OllamaTool]) -> list[OllamaTool]:
        checked_functions([tool.function for tool in given])
        return given

    @property
    def only_loads(self) -> bool:
        return not self.messages

    def to_jobs(self) -> list[TextJob]:
        """The job.

        Raises:
            ApiError: 400, a message of the assistant has pictures, or two parameters contradict each other.
        """
        return [
            TextJob(
                messages=messages_to_wire(self.messages),
                tools=[tool.function.to_wire() for tool in self.tools],
                tool_choice=ToolChoice.AUTO if self.tools else ToolChoice.NONE,
                template_options=self.template_options(),
                constraint=self.constraint(),
                sampling=self.sampling(),
                max_tokens=self.options.token_limit(),
                stop=self.options.stops(),
                top_logprobs=self.alternatives(),
                reasoning_effort=self.effort(),
                continues=self._continues(),
                adapters=self.adapters(),
            )
        ]

    def _continues(self) -> bool:
        """Whether the answer goes on with the last message, as Ollama's templates do where it is the assistant's."""
        last = self.messages[-1]
        return last.role == "assistant" and bool(last.content) and not last.tool_calls
