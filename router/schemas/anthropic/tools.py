"""``tools`` and ``tool_choice``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.wire.jobs import ToolChoice

MAX_TOOLS = 512
CUSTOM = "custom"
_NAME = r"^[A-Za-z0-9_-]{1,128}$"


class ToolDefinition(RequestModel):
    """A tool: a function of the client's, or with another type than ``custom`` one that Anthropic runs or defines."""

    type: str = CUSTOM
    name: str = Field("", pattern=_NAME, description="1 to 128 letters, digits, _ and -.")
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = Field(
        None, description="true: a schema that cannot be enforced as a whole is refused with 400."
    )

    @model_validator(mode="before")
    @classmethod
    def _others_are_not_checked(cls, given: Any) -> Any:
        """Of tools that are ignored, only type and name count."""
        if isinstance(given, dict) and given.get("type") not in (None, CUSTOM):
            named = re.fullmatch(_NAME, str(given.get("name")))
            return {"type": given["type"], **({"name": named[0]} if named else {})}
        return given

    @property
    def is_custom(self) -> bool:
        """Whether the client defines and runs it."""
        return self.type == CUSTOM

    def to_wire(self, path: str) -> dict[str, Any]:
        """The tool in OpenAI's form.

        Raises:
            ApiError: 400, the tool at ``path`` lacks something.
        """
        schema = self.input_schema
        if schema is None:
            field = f"{path}.input_schema"
            raise ApiError(400, f"{field} is required: a JSON schema of type 'object'", field)
        if schema.get("type", "object") != "object":
            field = f"{path}.input_schema.type"
            raise ApiError(400, f"{field}: expected 'object', got {shown(schema['type'])}", field)
        function: dict[str, Any] = {"name": self.name}
        if self.description is not None:
            function["description"] = self.description
        function["parameters"] = schema
        if self.strict:
            function["strict"] = True
        return {"type": "function", "function": function}


class ToolUse(RequestModel):
    """Whether a tool may (``auto``), must (``any``, ``tool``: that one) or must not (``none``) be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = Field(None, description="The tool to call, for type tool.")
    disable_parallel_tool_use: bool = Field(False, description="At most one call in an answer.")


def custom_tools(tools: Sequence[ToolDefinition], notes: list[str]) -> list[dict[str, Any]]:
    """The client's own tools in OpenAI's form; the others get a note.

    Raises:
        ApiError: 400, a tool lacks something, or a name is given twice.
    """
    wired: list[dict[str, Any]] = []
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if not tool.is_custom:
            notes.append(f"tools: tools of type {shown(tool.type)} are ignored")
            continue
        field = f"tools.{index}.name"
        if not tool.name:
            raise ApiError(400, f"{field} is required", field)
        if tool.name in names:
            raise ApiError(400, f"{field}: expected unique names, got {shown(tool.name)} twice", field)
        names.add(tool.name)
        wired.append(tool.to_wire(f"tools.{index}"))
    return wired


def chosen(choice: ToolUse | None, tools: Sequence[ToolDefinition], notes: list[str]) -> tuple[ToolChoice, str | None]:
    """Whether a tool may, must or must not be called, and the one that must be, if any.

    Raises:
        ApiError: 400, there is no such tool.
    """
    names = [tool.name for tool in tools if tool.is_custom]
    if choice is None or choice.type == "auto":
        return (ToolChoice.AUTO if names else ToolChoice.NONE), None
    if choice.type == "none":
        return ToolChoice.NONE, None
    ignored = [tool.name for tool in tools if not tool.is_custom]
    if choice.type == "any":
        if names:
            return ToolChoice.REQUIRED, None
        if not ignored:
            raise ApiError(400, "tools is required where tool_choice.type is 'any'", "tools")
    elif choice.name is None:
        raise ApiError(400, "tool_choice.name is required where tool_choice.type is 'tool'", "tool_choice.name")
    elif choice.name in names:
        return ToolChoice.NAMED, choice.name
    elif choice.name not in ignored:
        known = ", ".join(names)[:400] or "none was given"
        message = f"tool_choice.name: expected a given tool ({known}), got {shown(choice.name)}"
        raise ApiError(400, message, "tool_choice.name")
    notes.append("tool_choice: ignored, as are the tools that it names")
    return (ToolChoice.AUTO if names else ToolChoice.NONE), None
