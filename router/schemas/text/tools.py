"""The functions that an answer may call: ``tools``, or ``functions``, OpenAI's older name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.wire.jobs import ToolChoice

MAX_TOOLS = 128
TOOL_CHOICES = ("auto", "none", "required")


class FunctionDefinition(RequestModel):
    """A function: its name, what it is for, and the JSON schema of its arguments (an object)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="1 to 64 letters, digits, _ and -.")
    description: str | None = None
    parameters: dict[str, Any] = Field({"type": "object", "properties": {}})
    strict: bool | None = Field(
        None, description="true: parameters that cannot be enforced as a whole are refused with 400."
    )

    def to_wire(self) -> dict[str, Any]:
        """The function as an element of ``tools``."""
        function: dict[str, Any] = {"name": self.name}
        if self.description is not None:
            function["description"] = self.description
        function["parameters"] = self.parameters
        if self.strict:
            function["strict"] = True
        return {"type": "function", "function": function}


class Tool(RequestModel):
    """A tool; functions are the only type."""

    type: Literal["function"]
    function: FunctionDefinition


class FunctionName(RequestModel):
    """The name of the function to call."""

    name: str


class NamedToolChoice(RequestModel):
    """A ``tool_choice`` that requires one function."""

    type: Literal["function"]
    function: FunctionName


class AllowedTools(RequestModel):
    """The tools that may be called, and whether one of them must be."""

    mode: Literal["auto", "required"] = "auto"
    tools: list[NamedToolChoice] = Field(min_length=1, max_length=MAX_TOOLS)

    @property
    def names(self) -> list[str]:
        """The functions' names."""
        return [tool.function.name for tool in self.tools]


class AllowedToolsChoice(RequestModel):
    """A ``tool_choice`` that leaves only some of the tools."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


def checked_functions(functions: list[FunctionDefinition]) -> None:
    """Check that names are unique and that parameters are objects.

    Raises:
        ValueError: they are not; the message names the function.
    """
    names: set[str] = set()
    for function in functions:
        if function.name in names:
            raise ValueError(f"expected unique names, got {function.name!r} twice")
        kind = function.parameters.get("type", "object")
        if kind != "object":
            got = f"{str(kind)[:50]!r} for {function.name!r}"
            raise ValueError(f"expected parameters of type 'object', got {got}")
        names.add(function.name)


def checked_tool_choice(given: Any) -> Any:
    """Check that this is a ``tool_choice``.

    Raises:
        ValueError: it is not.
    """
    if isinstance(given, str) and given in TOOL_CHOICES:
        return given
    kind = given.get("type") if isinstance(given, dict) else None
    if kind == "function" and _names_function(given):
        return given
    if kind == "allowed_tools":
        return _checked_allowed_tools(given)
    raise ValueError(
        'expected "auto", "none", "required" or {"type": "function", "function": {"name": "<one of tools>"}}'
    )


def _checked_allowed_tools(given: dict[str, Any]) -> Any:
    allowed = given.get("allowed_tools")
    tools = allowed.get("tools") if isinstance(allowed, dict) else None
    if (
        isinstance(allowed, dict)
        and allowed.get("mode", "auto") in ("auto", "required")
        and isinstance(tools, list)
        and 0 < len(tools) <= MAX_TOOLS
        and all(isinstance(tool, dict) and tool.get("type") == "function" and _names_function(tool) for tool in tools)
    ):
        return given
    tool = '{"type": "function", "function": {"name": "<one of tools>"}}'
    raise ValueError(f'expected as allowed_tools {{"mode": "auto" or "required", "tools": [{tool}, ...]}}')


def _names_function(given: dict[str, Any]) -> bool:
    function = given.get("function")
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def checked_function_call(given: Any) -> Any:
    """Check that this is a ``function_call``.

    Raises:
        ValueError: it is not.
    """
    if isinstance(given, dict) and isinstance(given.get("name"), str):
        return given
    if isinstance(given, str) and given in ("auto", "none"):
        return given
    raise ValueError('expected "auto", "none" or {"name": "<one of functions>"}')


def check_given(name: Any, functions: Sequence[FunctionDefinition], field: str) -> None:
    """Check that a function of this name was given. ``field`` is where the request names it.

    Raises:
        ApiError: 400, it was not.
    """
    names = [function.name for function in functions]
    if name not in names:
        known = ", ".join(names) or "none was given"
        raise ApiError(400, f"{field}: expected a given function ({known[:400]}), got {shown(name)}", field)


def refuse_beside_required_call(field: str, tool_choice: ToolChoice) -> None:
    """Refuse a constraint on an answer's text, which ``field`` sets, where a call is required.

    Raises:
        ApiError: 400, a call is required.
    """
    if tool_choice in (ToolChoice.REQUIRED, ToolChoice.NAMED):
        raise ApiError(400, f"{field}: cannot be combined with a required tool call", field)
