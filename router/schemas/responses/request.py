"""The body of ``POST /v1/responses``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SkipValidation, field_validator

from router.schemas.base import agreed
from router.schemas.errors import ApiError
from router.schemas.responses.items import MAX_ITEMS
from router.schemas.responses.messages import Message
from router.schemas.responses.parameters import FORMAT_FIELD, ReasoningParameters, TextParameters
from router.schemas.responses.tools import ResponseTool, checked_tools, choice_notes, chosen_tools, tool_notes
from router.schemas.text.generation import NO_LIMIT, GenerationRequest, TokenLimit
from router.schemas.text.reasoning import ReasoningFields
from router.schemas.text.tools import refuse_beside_required_call
from shared.wire.jobs import Constraint, ReasoningEffort, TextJob, ToolChoice

MAX_METADATA = 16
WITH_LOGPROBS = "message.output_text.logprobs"
WITH_ENCRYPTED_THOUGHTS = "reasoning.encrypted_content"
INCLUDES = (WITH_LOGPROBS, WITH_ENCRYPTED_THOUGHTS)

_UNSUPPORTED = {
    "conversation": "not supported; use previous_response_id, or send all items as input",
    "prompt": "not supported; send its text as instructions or input",
}
_IGNORED = ("context_management", "moderation", "max_tool_calls")


class ResponsesRequest(GenerationRequest, ReasoningFields):
    """What to answer: new items of a conversation, which may go on from an earlier response."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": "Tell me a story", "max_output_tokens": 128, "stream": False}]}
    )

    # Checked where they become kept items.
    input: Annotated[str | list[dict[str, Any]], SkipValidation]
    instructions: str | None = Field(None, description="A system message before the conversation. It is not kept.")
    previous_response_id: str | None = Field(None, description="The stored response to go on from.")
    store: bool = Field(True, description="Keep the response, to get it again and to go on from it.")
    background: bool = Field(False, description="Answer at once, and go on without the client.")
    n: int = Field(1, ge=1, le=1, description="There is one answer.")

    max_output_tokens: TokenLimit | None = Field(None, description="-1: no limit. Thoughts count too.")
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[ResponseTool] = Field([], max_length=MAX_ITEMS)
    tool_choice: Any = Field(
        "auto", description="auto, none, required, or an object of type function, custom or allowed_tools."
    )
    parallel_tool_calls: bool = True
    text: TextParameters = TextParameters()
    reasoning: ReasoningParameters = ReasoningParameters()
    include: list[str] = Field([], max_length=64, description="Those that are known: " + ", ".join(INCLUDES) + ".")
    truncation: Literal["auto", "disabled"] = Field(
        "disabled", description="auto: the oldest items are dropped if the conversation is longer than the context."
    )
    metadata: dict[str, str] = Field({}, max_length=MAX_METADATA)
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    chat_template_kwargs: dict[str, Any] = Field({}, description="Variables of the model's chat template.")

    conversation: Any = Field(None, description="Not supported.")
    prompt: Any = Field(None, description="Not supported.")
    context_management: Any = Field(None, description="Ignored.")
    moderation: Any = Field(None, description="Ignored.")
    max_tool_calls: int | None = Field(None, description="Ignored: the server calls no tools itself.")

    @field_validator("input", mode="before")
    @classmethod
    def _text_or_items(cls, given: Any) -> Any:
        if isinstance(given, str):
            return given
        if not isinstance(given, list) or not given:
            raise ValueError("expected a string or a non-empty list of items")
        if len(given) > MAX_ITEMS:
            raise ValueError(f"expected at most {MAX_ITEMS} items, got {len(given)}")
        return given

    @field_validator("max_output_tokens")
    @classmethod
    def _some_tokens(cls, given: int | None) -> int | None:
        if given == 0:
            raise ValueError(f"expected at least 1, or {NO_LIMIT} for no limit")
        return given

    @field_validator("tools")
    @classmethod
    def _known_tools(cls, given: list[ResponseTool]) -> list[ResponseTool]:
        return checked_tools(given)

    @property
    def notes(self) -> list[str]:
        """What the request asks for and will not get, apart from its input."""
        return [
            *tool_notes(self.tools),
            *choice_notes(self.tool_choice),
            *(f"include: {name[:50]} is ignored" for name in self.include if name not in INCLUDES),
            *(f"{name} is ignored" for name in _IGNORED if getattr(self, name) is not None),
            *(["text.verbosity is ignored"] if self.text.verbosity != "medium" else []),
        ]

    @property
    def custom_tools(self) -> list[str]:
        """The names of the custom tools."""
        return [tool.name or "" for tool in self.tools if tool.type == "custom"]

    @property
    def alternatives(self) -> int | None:
        """The number of alternatives per token in the log probabilities; None for no log probabilities."""
        if WITH_LOGPROBS in self.include:
            return self.top_logprobs or 0
        return self.top_logprobs or None

    def check(self) -> None:
        """Check what has nothing to do with the model.

        Raises:
            ApiError: 400, it asks for something that would change the answer and is not supported.
        """
        for field, hint in _UNSUPPORTED.items():
            if getattr(self, field) is not None:
                raise ApiError(400, f"{field}: {hint}", field)
        if self.background and not self.store:
            raise ApiError(400, "background: expected false where store is false, got true", "background")

    def wanted_effort(self) -> ReasoningEffort | None:
        """How much to think; None leaves it to the model's options.

        Raises:
            ApiError: 400, two names have different values.
        """
        return agreed({"reasoning.effort": self.reasoning.wanted_effort(), "reasoning_effort": super().wanted_effort()})

    def token_limit(self) -> int | None:
        """The maximum number of tokens to generate; None is up to the end of the turn or of the context.

        Raises:
            ApiError: 400, two names have different values.
        """
        other = super().token_limit()
        if self.max_output_tokens is None:
            return other
        limit = None if self.max_output_tokens == NO_LIMIT else self.max_output_tokens
        return agreed({"max_tokens": other, "max_output_tokens": limit})

    def constraint(self) -> Constraint | None:
        """The constraint on the answer's text, if any.

        Raises:
            ApiError: 400, there are two.
        """
        own, other = self.text.format.to_constraint(), super().constraint()
        if own is not None and other is not None:
            raise ApiError(400, f"{FORMAT_FIELD}: expected either it or {other.field}, got both", FORMAT_FIELD)
        return own or other

    def to_job(self, messages: list[Message]) -> TextJob:
        """The job for a worker: the next turn of this chat.

        Raises:
            ApiError: 400, two parameters contradict each other.
        """
        functions, tool_choice, tool_name = chosen_tools(self.tools, self.tool_choice)
        constraint = self.constraint()
        if constraint is not None:
            refuse_beside_required_call(constraint.field, tool_choice)
        (sampling,) = self.samplings()
        return TextJob(
            messages=messages,
            tools=[function.to_wire() for function in functions],
            tool_choice=tool_choice,
            tool_name=tool_name,
            parallel_tool_calls=self.parallel_tool_calls and tool_choice is not ToolChoice.NAMED,
            template_options=self.with_thinking(self.chat_template_kwargs),
            constraint=constraint,
            sampling=sampling,
            max_tokens=self.token_limit(),
            stop=self.stops(),
            top_logprobs=self.alternatives,
            ignore_eos=self.ignore_eos,
            reasoning_effort=self.wanted_effort(),
            reasoning_format=self.wanted_format(),
            thinking_budget_tokens=self.thinking_budget(),
            adapters=self.adapters(),
        )
