"""The messages of a chat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError

MAX_PARTS = 1024
MAX_TOOL_CALLS = 128


class TextPart(RequestModel):
    """A piece of a message's content. Only text is supported."""

    type: Literal["text"]
    text: str


class CalledFunction(RequestModel):
    """The function of a call that the assistant made earlier; ``arguments`` is JSON text."""

    name: str = Field(max_length=256)
    arguments: str = "{}"


class EarlierToolCall(RequestModel):
    """A call that the assistant made earlier."""

    id: str = ""
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(RequestModel):
    """One turn of a chat. ``content`` given in parts becomes their text, a line break between them."""

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
            raise ValueError("accepted is a string or a list of text parts")
        if len(given) > MAX_PARTS:
            raise ValueError(f"{len(given)} parts; accepted are up to {MAX_PARTS}")
        return "\n".join(_text_of_part(index, part) for index, part in enumerate(given))

    def to_wire(self, path: str) -> dict[str, Any]:
        """The message in OpenAI's present words: the older ``function_call`` and role ``function`` are translated.

        Raises:
            ApiError: 400, the message at ``path`` has no content, and only the assistant's may have none.
        """
        if self.content is None and self.role != "assistant":
            raise ApiError(
                400,
                f"{path}.content is missing; accepted for role {self.role} is a string or a list of text parts",
                param=f"{path}.content",
            )
        message: dict[str, Any] = {
            "role": "tool" if self.role == "function" else self.role,
            "content": self.content,
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
        raise ValueError(f"part {index} is of type {str(kind)[:50]!r}; this endpoint accepts parts of type 'text'")
    if not isinstance(part.get("text"), str):
        raise ValueError(f"part {index} has no string 'text'")
    return str(part["text"])
