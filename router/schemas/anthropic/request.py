"""The bodies of ``POST /v1/messages`` and ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from pydantic import ConfigDict, Field, PrivateAttr, field_validator

from router.schemas.anthropic.blocks import checked_content
from router.schemas.anthropic.messages import ChatMessage, InputMessage, chat_of, system_of
from router.schemas.anthropic.thinking import (
    OutputConfig,
    OutputFormat,
    Thinking,
    effort_of,
    template_options,
    thinks,
)
from router.schemas.anthropic.tools import MAX_TOOLS, ToolDefinition, ToolUse, chosen, custom_tools
from router.schemas.base import RequestModel, agreed
from router.schemas.errors import ApiError
from router.schemas.scheduling import SchedulingFields
from router.schemas.text.chat import MAX_MESSAGES
from router.schemas.text.generation import MAX_TOKENS
from router.schemas.text.lora import LoraField
from router.schemas.text.sampling.seeds import settled_seed
from router.schemas.text.stops import MAX_STOPS, checked_stops
from router.schemas.text.tools import refuse_beside_required_call
from shared.wire.jobs import Constraint, Sampling, TextJob, ToolChoice


class CountRequest(RequestModel, SchedulingFields, LoraField):
    """A chat in Anthropic's form, of which the tokens can be counted. ``cache_control`` has no effect anywhere."""

    model: str | None = Field(None, max_length=256, description="The first served text model if absent.")
    messages: list[InputMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    system: str | list[dict[str, Any]] = Field("", description="A string or blocks of type text.")
    tools: list[ToolDefinition] = Field([], max_length=MAX_TOOLS)
    tool_choice: ToolUse | None = None
    thinking: Thinking | None = Field(None, description="Without it, the model does not think.")
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = Field(None, description="An older name for output_config.format.")
    mcp_servers: list[Any] = Field([], description="Ignored, with a note in X-Nexa-Warning.")
    container: Any = Field(None, description="Ignored, with a note in X-Nexa-Warning.")
    _notes: list[str] = PrivateAttr(default_factory=list)

    @field_validator("system", mode="before")
    @classmethod
    def _blocks_with_types(cls, given: Any) -> Any:
        return checked_content(given)

    @property
    def notes(self) -> Sequence[str]:
        """What the request asks for and will not get, as far as :meth:`to_job` has found it."""
        return list(dict.fromkeys(self._notes))

    def to_job(self) -> TextJob:
        """The job.

        Raises:
            ApiError: 400, something in the chat cannot be read, or fields contradict each other.
        """
        self._notes = [f"{name} is ignored" for name in ("mcp_servers", "container") if getattr(self, name)]
        messages = [*system_of(self.system, self._notes), *chat_of(self.messages, self._notes)]
        if not any(message["role"] != "system" for message in messages):
            message = "messages: expected at least one message with something that can be read, got none"
            raise ApiError(400, message, "messages")
        tools = custom_tools(self.tools, self._notes)
        tool_choice, tool_name = chosen(self.tool_choice, self.tools, self._notes)
        constraint = self._constraint(tool_choice)
        parallel = self.tool_choice is None or not self.tool_choice.disable_parallel_tool_use
        return TextJob(
            messages=messages,
            tools=tools,
            tool_choice=tool_choice,
            tool_name=tool_name,
            parallel_tool_calls=parallel and tool_choice is not ToolChoice.NAMED,
            template_options=template_options(self.thinking),
            constraint=constraint,
            reasoning_effort=effort_of(self.thinking, self.output_config),
            thinking_budget_tokens=self.thinking.budget_tokens if self.thinking and thinks(self.thinking) else None,
            continues=_continues(messages),
            adapters=self.adapters(),
        )

    def _constraint(self, tool_choice: ToolChoice) -> Constraint | None:
        in_config = None if self.output_config is None else self.output_config.format
        names = {"output_config.format": in_config, "output_format": self.output_format}
        wanted = agreed(names)
        if wanted is None:
            return None
        field = next(name for name, value in names.items() if value is not None)
        refuse_beside_required_call(field, tool_choice)
        return wanted.constraint(field)


class MessagesRequest(CountRequest):
    """A chat in Anthropic's form to answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"max_tokens": 128, "messages": [{"role": "user", "content": "Tell me a story"}]}]
        }
    )
    max_tokens: int = Field(ge=1, le=MAX_TOKENS, description="Of the answer, the thought included.")
    stop_sequences: list[str] = Field([], description=f"Up to {MAX_STOPS}. Empty ones are ignored.")
    stream: bool = False
    temperature: float = Field(1.0, ge=0, le=5, description="0: greedy.")
    top_p: float = Field(1.0, ge=0, le=1, description="1: off; 0 keeps one token.")
    top_k: int = Field(50, ge=-1, le=MAX_TOKENS, description="0 or -1: off.")
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1, description="A random one if absent or -1.")

    @property
    def n(self) -> int:
        """There is one answer."""
        return 1

    @field_validator("stop_sequences")
    @classmethod
    def _few_and_short(cls, given: list[str]) -> list[str]:
        return checked_stops(given, "stop sequences")

    def to_job(self) -> TextJob:
        """The job, with how to generate.

        Raises:
            ApiError: 400, something in the chat cannot be read, or fields contradict each other.
        """
        sampling = Sampling(
            temperature=self.temperature,
            top_k=max(self.top_k, 0),
            top_p=self.top_p,
            seed=settled_seed(self.seed),
        )
        return replace(super().to_job(), sampling=sampling, max_tokens=self.max_tokens, stop=self.stop_sequences)

    def to_jobs(self) -> list[TextJob]:
        """The one job."""
        return [self.to_job()]


def _continues(messages: list[ChatMessage]) -> bool:
    """Whether the answer goes on with the last message.

    Raises:
        ApiError: 400, it is the model's, and has calls.
    """
    last = messages[-1]
    if last["role"] != "assistant":
        return False
    if "tool_calls" in last:
        message = "messages: expected a tool_result for each tool_use, got a tool_use in the last message"
        raise ApiError(400, message, "messages")
    return True
