"""The messages of a chat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.shown import shown

MAX_PARTS = 1024
MAX_TOOL_CALLS = 128
PARTS = ("text",)
ASSISTANT_PARTS = ("text", "refusal")
"""The types of parts, each of which has its text in the field of that name."""


class TextPart(RequestModel):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


class RefusalPart(RequestModel):
    """A part in which an assistant refused. Its text counts like that of other parts."""

    type: Literal["refusal"]
    refusal: str


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
    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = Field(None, description="The content of an assistant's message that has none.")
    name: str | None = None
    tool_calls: list[EarlierToolCall] | None = Field(None, max_length=MAX_TOOL_CALLS)
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _joined_text(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, str):
            return given
        if not isinstance(given, list):
            raise ValueError("expected a string or a list of text parts")
        if len(given) > MAX_PARTS:
            raise ValueError(f"expected at most {MAX_PARTS} parts, got {len(given)}")
        kinds = ASSISTANT_PARTS if info.data.get("role") == "assistant" else PARTS
        return "\n".join(_text_of_part(index, part, kinds) for index, part in enumerate(given))

    def to_wire(self, path: str) -> dict[str, Any]:
        """The message in OpenAI's current form, which replaces ``function_call`` and the role ``function``.

        Raises:
            ApiError: 400, the message at ``path`` has no content, which only the assistant and a function may lack.
        """
        message: dict[str, Any] = {
            "role": "tool" if self.role == "function" else self.role,
            "content": self._sent_content(path),
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

    def _sent_content(self, path: str) -> str | list[TextPart | RefusalPart] | None:
        if self.content is not None:
            return self.content
        if self.role == "assistant":
            return self.refusal
        if self.role == "function":
            return ""
        field = f"{path}.content"
        raise ApiError(400, f"{field} is required for role {self.role}: a string or a list of text parts", field)


def _text_of_part(index: int, part: Any, kinds: tuple[str, ...]) -> str:
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    if kind not in kinds:
        expected = " or ".join(map(repr, kinds))
        raise ValueError(f"expected parts of type {expected}, got type {str(kind)[:50]!r} for part {index}")
    if not isinstance(part.get(kind), str):
        raise ValueError(f"expected a string as the {kind} of part {index}, got {shown(part.get(kind))}")
    return str(part[kind])
