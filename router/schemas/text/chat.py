"""The body of ``POST /v1/chat/completions``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from router.schemas.text.generation import GenerationRequest
from router.schemas.text.messages import Message, TextPart
from router.schemas.text.reasoning import ReasoningFields
from router.schemas.text.tools import (
    MAX_TOOLS,
    AllowedToolsChoice,
    FunctionDefinition,
    FunctionName,
    NamedToolChoice,
    Tool,
    check_given,
    checked_function_call,
    checked_functions,
    checked_tool_choice,
    refuse_beside_required_call,
)
from shared.wire.jobs import Constraint, TextJob, ToolChoice

MAX_MESSAGES = 4096


class PredictedContent(RequestModel):
    """OpenAI's predicted output: a text that most of the answer is expected to be, as a file that is edited."""

    type: Literal["content"]
    content: str | list[TextPart]

    @field_validator("content", mode="before")
    @classmethod
    def _text_or_parts(cls, given: Any) -> Any:
        if not isinstance(given, (str, list)):
            raise ValueError(f"expected a string or a list of text parts, got {shown(given)}")
        return given

    @property
    def text(self) -> str:
        """The whole text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatRequest(GenerationRequest, ReasoningFields):
    """A chat to answer with text or, if there are tools, with tool calls."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "messages": [{"role": "user", "content": "Tell me a story"}],
                    "max_tokens": 128,
                    "temperature": 0.1,
                    "stream": False,
                    "stop_words": [],
                }
            ]
        }
    )

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    tools: list[Tool] = Field([], max_length=MAX_TOOLS)
    tool_choice: Literal["auto", "none", "required"] | NamedToolChoice | AllowedToolsChoice = "auto"
    parallel_tool_calls: bool = Field(
        True, description="Allow several calls in one answer. A function that tool_choice names is called only once."
    )
    functions: list[FunctionDefinition] = Field(
        [],
        max_length=MAX_TOOLS,
        description="OpenAI's older name for tools, answered in its older form: at most one function_call.",
    )
    function_call: Literal["auto", "none"] | FunctionName | None = Field(
        None, description="OpenAI's older name for tool_choice."
    )
    prediction: PredictedContent | None = Field(
        None, description="A text that most of the answer is expected to be, so that it comes faster."
    )
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=20)
    chat_template_kwargs: dict[str, Any] = Field({}, description="Variables of the model's chat template.")
    continue_final_message: bool = Field(
        False, description="Go on with the last message, an assistant's, also inside its thought."
    )
    add_generation_prompt: bool | None = Field(
        None, description="For vLLM's clients: true contradicts continue_final_message; it has no other effect."
    )

    @field_validator("tools")
    @classmethod
    def _known_tools(cls, given: list[Tool]) -> list[Tool]:
        checked_functions([tool.function for tool in given])
        return given

    @field_validator("functions")
    @classmethod
    def _known_functions(cls, given: list[FunctionDefinition]) -> list[FunctionDefinition]:
        checked_functions(given)
        return given

    @field_validator("tool_choice", mode="before")
    @classmethod
    def _known_choice(cls, given: Any) -> Any:
        return checked_tool_choice(given)

    @field_validator("function_call", mode="before")
    @classmethod
    def _known_call(cls, given: Any) -> Any:
        return checked_function_call(given)

    @property
    def is_legacy(self) -> bool:
        """Whether a call is answered in OpenAI's older form: a ``function_call``, also as finish reason."""
        return bool(self.functions)

    def callable_functions(self) -> list[FunctionDefinition]:
        """The functions that may be called, from ``tools`` or ``functions``.

        Raises:
            ApiError: 400, both were given, or ``tool_choice`` allows a function that was not.
        """
        if self.tools and self.functions:
            raise ApiError(400, "functions: expected either tools or functions, got both", "functions")
        given = [tool.function for tool in self.tools] or self.functions
        if not isinstance(self.tool_choice, AllowedToolsChoice):
            return given
        allowed = self.tool_choice.allowed_tools.names
        for name in allowed:
            check_given(name, given, "tool_choice")
        return [function for function in given if function.name in allowed]

    def choice(self) -> tuple[ToolChoice, str | None]:
        """Whether a call may, must or must not be made, and the function that must be called, if any.

        Raises:
            ApiError: 400, the function to call was not given, or two fields contradict each other.
        """
        if self.function_call is not None and "tool_choice" in self.model_fields_set:
            message = "function_call: expected either tool_choice or function_call, got both"
            raise ApiError(400, message, "function_call")
        param = "tool_choice" if self.function_call is None else "function_call"
        chosen = self.tool_choice if self.function_call is None else self.function_call
        functions = self.callable_functions()
        if isinstance(chosen, AllowedToolsChoice):
            chosen = chosen.allowed_tools.mode
        if isinstance(chosen, str):
            if not functions and chosen == "required":
                raise ApiError(400, 'tools is required where tool_choice is "required"', "tools")
            return (ToolChoice(chosen) if functions else ToolChoice.NONE), None
        name = chosen.function.name if isinstance(chosen, NamedToolChoice) else chosen.name
        check_given(name, functions, param)
        return ToolChoice.NAMED, name

    def continues(self) -> bool:
        """Whether the answer goes on with the last message.

        Raises:
            ApiError: 400, it should, but the message is not the assistant's, or has calls.
        """
        if not self.continue_final_message:
            return False
        if self.add_generation_prompt:
            message = "add_generation_prompt: expected false where continue_final_message is true, got true"
            raise ApiError(400, message, "add_generation_prompt")
        last = self.messages[-1]
        expected = "continue_final_message: expected an assistant's message without calls as the last one"
        if last.role != "assistant":
            raise ApiError(400, f"{expected}, got one of the role {last.role}", "continue_final_message")
        if last.tool_calls or last.function_call:
            raise ApiError(400, f"{expected}, got one with calls", "continue_final_message")
        return True

    def to_jobs(self) -> list[TextJob]:
        """One job for each of the ``n`` choices.

        Raises:
            ApiError: 400, two parameters contradict each other.
        """
        tool_choice, tool_name = self.choice()
        constraint = self.constraint()
        self._check_together(constraint, tool_choice)
        messages = [message.to_wire(f"messages.{index}") for index, message in enumerate(self.messages)]
        tools = [function.to_wire() for function in self.callable_functions()]
        template_options = self.with_thinking(self.chat_template_kwargs)
        thinking_budget, continues = self.thinking_budget(), self.continues()
        return [
            TextJob(
                messages=messages,
                tools=tools,
                tool_choice=tool_choice,
                tool_name=tool_name,
                parallel_tool_calls=self._may_call_several(tool_choice),
                template_options=template_options,
                constraint=constraint,
                sampling=sampling,
                max_tokens=self.token_limit(),
                stop=self.stops(),
                top_logprobs=(self.top_logprobs or 0) if self.logprobs else None,
                ignore_eos=self.ignore_eos,
                reasoning_effort=self.wanted_effort(),
                reasoning_format=self.wanted_format(),
                thinking_budget_tokens=thinking_budget,
                continues=continues,
                adapters=self.adapters(),
                prediction=self.prediction.text if self.prediction is not None else "",
            )
            for sampling in self.samplings()
        ]

    def _check_together(self, constraint: Constraint | None, tool_choice: ToolChoice) -> None:
        if constraint is not None:
            refuse_beside_required_call(constraint.field, tool_choice)
        if self.top_logprobs and not self.logprobs:
            message = f"top_logprobs: expected 0 unless logprobs is true, got {self.top_logprobs}"
            raise ApiError(400, message, "top_logprobs")

    def _may_call_several(self, tool_choice: ToolChoice) -> bool:
        return self.parallel_tool_calls and not self.is_legacy and tool_choice is not ToolChoice.NAMED
