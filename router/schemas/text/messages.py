"""The messages of a chat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.shown import shown

MAX_PARTS = 1024
MAX_TOOL_CALLS = 128


class TextPart(RequestModel):
    """A part of a message's content. Only text is supported."""

    type: Literal["text"]
    text: str


class CalledFunction(RequestModel):
    """The function of an earlier call by the assistant; ``arguments`` is JSON text."""

    name: str = Field(max_length=256)
    arguments: str = "{}"


class EarlierToolCall(RequestModel):
    """An earlier call by the assistant."""

    id: str = ""
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(RequestModel):
    """One turn of a chat. The parts of ``content`` are joined by line breaks."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[EarlierToolCall] | None = Field(None, max_length=MAX_TOOL_CALLS)
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _joined_text(cls, given: Any) -> Any:
        if isinstance(given, str):
            return given
        if not isinstance(given, list):
            raise ValueError("expected a string or a list of text parts")
        if len(given) > MAX_PARTS:
            raise ValueError(f"expected at most {MAX_PARTS} parts, got {len(given)}")
        return "\n".join(_text_of_part(index, part) for index, part in enumerate(given))

    def to_wire(self, path: str) -> dict[str, Any]:
        """The message in OpenAI's current form, which replaces ``function_call`` and the role ``function``.

        Raises:
            ApiError: 400, the message at ``path`` has no content, which only the assistant and a function may lack.
        """
        if self.content is None and self.role not in ("assistant", "function"):
            field = f"{path}.content"
            raise ApiError(400, f"{field} is required for role {self.role}: a string or a list of text parts", field)
        message: dict[str, Any] = {
            "role": "tool" if self.role == "function" else self.role,
            "content": "" if self.content is None and self.role == "function" else self.content,
        }
        calls = [call.model_dump() for call in self.tool_calls or []]
        if self.function_call is not None and not calls:
            calls = [{"id": "", "type": "function", "function": self.function_call.model_dump()}]
        if calls:
            message["tool_calls"] = calls
        if self.name is not None:
            message["name"] = self.name
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return message


def _text_of_part(index: int, part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    if kind != "text":
        raise ValueError(f"expected parts of type 'text', got type {str(kind)[:50]!r} for part {index}")
    if not isinstance(part.get("text"), str):
        raise ValueError(f"expected a string as the text of part {index}, got {shown(part.get('text'))}")
    return str(part["text"])
