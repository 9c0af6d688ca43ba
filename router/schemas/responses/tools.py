"""The tools of a request for a response, and which of them may or must be called."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import Field, model_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.responses.messages import CUSTOM_ARGUMENT
from router.schemas.shown import shown
from router.schemas.text.tools import MAX_TOOLS, FunctionDefinition, check_given, checked_functions
from shared.wire.jobs import ToolChoice

CALLED_TYPES = ("function", "custom")
"""The types of tools that the client runs. The others are OpenAI's own, which this server does not have."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORM = '"auto", "none", "required" or {"type": "function", "name": "<one of tools>"}'


class ResponseTool(RequestModel):
    """A tool. Of types that are not called here, nothing but the type is read."""

    type: str = Field(max_length=256, description="function or custom; tools of other types are ignored.")
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] = Field({"type": "object", "properties": {}})
    strict: bool | None = None
    format: dict[str, Any] = Field({}, description="What the input of a custom tool looks like; the model is told.")

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_read(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("type"), str) and given["type"] not in CALLED_TYPES:
            return {"type": given["type"][:256]}
        return given

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.is_called and (self.name is None or not _NAME.fullmatch(self.name)):
            nothing = "none; here name and parameters stand beside type, not in an object of their own"
            got = nothing if self.name is None else shown(self.name)
            raise ValueError(f"expected a name of 1 to 64 letters, digits, _ and -, got {got}")
        return self

    @property
    def is_called(self) -> bool:
        """Whether the model may call it."""
        return self.type in CALLED_TYPES

    def shown(self) -> dict[str, Any]:
        """The tool as a response repeats it."""
        tool = {"type": self.type, "name": self.name, "description": self.description}
        if self.type == "custom":
            return {**tool, "format": self.format or {"type": "text"}}
        return {**tool, "parameters": self.parameters, "strict": bool(self.strict)}

    def function(self) -> FunctionDefinition:
        """The tool as a function. A custom tool has one argument, its whole input."""
        if self.type == "function":
            return FunctionDefinition(
                name=self.name or "", description=self.description, parameters=self.parameters, strict=self.strict
            )
        told = [self.description] if self.description else []
        if definition := self.format.get("definition"):
            told.append(f"The input must match this grammar ({self.format.get('syntax', 'lark')}):\n{definition}")
        parameters = {
            "type": "object",
            "properties": {CUSTOM_ARGUMENT: {"type": "string", "description": "The whole input of the tool."}},
            "required": [CUSTOM_ARGUMENT],
            "additionalProperties": False,
        }
        return FunctionDefinition(name=self.name or "", description="\n\n".join(told) or None, parameters=parameters)


def checked_tools(tools: list[ResponseTool]) -> list[ResponseTool]:
    """Check that names are unique, parameters are objects, and not too many tools are called.

    Raises:
        ValueError: they are not.
    """
    called = [tool.function() for tool in tools if tool.is_called]
    if len(called) > MAX_TOOLS:
        raise ValueError(f"expected at most {MAX_TOOLS} functions and custom tools, got {len(called)}")
    checked_functions(called)
    return tools


def tool_notes(tools: list[ResponseTool]) -> list[str]:
    """What of the tools is ignored."""
    others = dict.fromkeys(tool.type for tool in tools if not tool.is_called)
    notes = [f"tools: those of type {kind[:50]} are ignored" for kind in others]
    formats = [tool.name for tool in tools if tool.type == "custom" and tool.format.get("definition")]
    return [*notes, *(f"tools: the format of {name} is told to the model, and not enforced" for name in formats)]


def chosen_tools(tools: list[ResponseTool], given: Any) -> tuple[list[FunctionDefinition], ToolChoice, str | None]:
    """The functions that may be called, whether one must be, and which, as ``tool_choice`` has it.

    Raises:
        ApiError: 400, this is no ``tool_choice``, or it names a tool that was not given.
    """
    functions = [tool.function() for tool in tools if tool.is_called]
    kind = given.get("type") if isinstance(given, dict) else None
    if kind in CALLED_TYPES:
        name = given.get("name")
        if not isinstance(name, str):
            raise ApiError(400, f"tool_choice: expected {_FORM}, got {shown(given)}", "tool_choice")
        check_given(name, functions, "tool_choice")
        return functions, ToolChoice.NAMED, name
    if kind == "allowed_tools":
        functions = _allowed(functions, given.get("tools"))
        given = given.get("mode", "auto")
    elif isinstance(kind, str):
        given = "auto"  # one of OpenAI's own tools; noted
    if given not in ("auto", "none", "required"):
        raise ApiError(400, f"tool_choice: expected {_FORM}, got {shown(given)}", "tool_choice")
    if given == "required" and not functions:
        raise ApiError(400, 'tools is required where tool_choice is "required": at least one function', "tools")
    return functions, ToolChoice(given) if functions else ToolChoice.NONE, None


def choice_notes(given: Any) -> list[str]:
    """A note for a ``tool_choice`` that names one of OpenAI's own tools."""
    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(kind, str) or kind in (*CALLED_TYPES, "allowed_tools"):
        return []
    return [f"tool_choice: the type {kind[:50]} is ignored"]


def _allowed(functions: list[FunctionDefinition], tools: Any) -> list[FunctionDefinition]:
    named = isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)
    if not named or not tools:
        expected = '{"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": ...}, ...]}'
        raise ApiError(400, f"tool_choice: expected {expected}, got {shown(tools)} as tools", "tool_choice")
    names = [tool.get("name") for tool in tools if tool.get("type") in CALLED_TYPES]
    for name in names:
        check_given(name, functions, "tool_choice")
    return [function for function in functions if function.name in names]
