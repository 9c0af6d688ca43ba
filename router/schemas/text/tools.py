"""The functions that an answer may call: ``tools``, or ``functions``, OpenAI's older name."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from router.schemas.base import RequestModel

MAX_TOOLS = 128
TOOL_CHOICES = ("auto", "none", "required")


class FunctionDefinition(RequestModel):
    """A function: its name, what it is for, and the JSON schema of its arguments (an object)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="1 to 64 letters, digits, _ and -.")
    description: str | None = None
    parameters: dict[str, Any] = Field({"type": "object", "properties": {}})
    strict: bool | None = None

    def to_wire(self) -> dict[str, Any]:
        """The function as an element of ``tools``."""
        described = {} if self.description is None else {"description": self.description}
        return {"type": "function", "function": {"name": self.name, **described, "parameters": self.parameters}}


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
    function = given.get("function") if isinstance(given, dict) and given.get("type") == "function" else None
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        return given
    raise ValueError(
        'expected "auto", "none", "required" or {"type": "function", "function": {"name": "<one of tools>"}}'
    )


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
