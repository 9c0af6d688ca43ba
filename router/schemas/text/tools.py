"""The functions that an answer may call, in OpenAI's present words (``tools``) and its older ones (``functions``)."""

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
        """The function as one of ``tools``."""
        described = {} if self.description is None else {"description": self.description}
        return {"type": "function", "function": {"name": self.name, **described, "parameters": self.parameters}}


class Tool(RequestModel):
    """A tool; functions are the only type."""

    type: Literal["function"]
    function: FunctionDefinition


class FunctionName(RequestModel):
    """The function that is to be called, by its name."""

    name: str


class NamedToolChoice(RequestModel):
    """A ``tool_choice`` that demands one function."""

    type: Literal["function"]
    function: FunctionName


def checked_functions(functions: list[FunctionDefinition]) -> None:
    """Refuse two functions of one name, and arguments that are no object.

    Raises:
        ValueError: with the function's place and name.
    """
    names: set[str] = set()
    for index, function in enumerate(functions):
        if function.name in names:
            raise ValueError(f"number {index} is a second function of the name {function.name!r}; names are unique")
        kind = function.parameters.get("type", "object")
        if kind != "object":
            raise ValueError(
                f"number {index} ({function.name}) has parameters of type {str(kind)[:50]!r}; accepted is 'object'"
            )
        names.add(function.name)


def checked_tool_choice(given: Any) -> Any:
    """Refuse what is no ``tool_choice``.

    Raises:
        ValueError: with what is accepted.
    """
    if isinstance(given, str) and given in TOOL_CHOICES:
        return given
    function = given.get("function") if isinstance(given, dict) and given.get("type") == "function" else None
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        return given
    raise ValueError(
        'accepted are "auto", "none", "required" and {"type": "function", "function": {"name": "<one of tools>"}}'
    )


def checked_function_call(given: Any) -> Any:
    """Refuse what is no ``function_call``.

    Raises:
        ValueError: with what is accepted.
    """
    if isinstance(given, dict) and isinstance(given.get("name"), str):
        return given
    if isinstance(given, str) and given in ("auto", "none"):
        return given
    raise ValueError('accepted are "auto", "none" and {"name": "<one of functions>"}')
