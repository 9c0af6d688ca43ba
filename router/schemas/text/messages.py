"""The messages of a chat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, ValidationInfo, field_validator, model_validator

from router.schemas.base import RequestModel, agreed
from router.schemas.errors import ApiError
from router.schemas.media.given import Content, Given, GivenMedium, content_of
from router.schemas.media.openai import MEDIA_PARTS, AudioPart, ImagePart, check_media_part, medium_of
from router.schemas.shown import shown

MAX_PARTS = 1024
MAX_TOOL_CALLS = 128
PARTS = ("text",)
ASSISTANT_PARTS = ("text", "refusal", "thinking")
"""The types of parts with text, each of which has it in the field of that name."""
_APART = ("thinking", *MEDIA_PARTS)
"""The types of parts that are no words of the message."""


class TextPart(RequestModel):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


class RefusalPart(RequestModel):
    """A part in which an assistant refused. Its text counts like that of other parts."""

    type: Literal["refusal"]
    refusal: str


class ThinkingPart(RequestModel):
    """A part of an assistant's thought: text, or as Mistral's clients send it, parts of the type text."""

    type: Literal["thinking"]
    thinking: str | list[TextPart]


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
    """One turn of a chat. The parts of ``content`` are joined by line breaks; those of a thought are apart.

    All but the assistant's messages may also have pictures and recordings.
    """

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart | RefusalPart | ThinkingPart | ImagePart | AudioPart] | None = None
    refusal: str | None = Field(None, description="The content of an assistant's message that has none.")
    reasoning_content: str | None = Field(None, description="What the assistant thought before this message.")
    reasoning: str | None = Field(None, description="Another name for reasoning_content.")
    name: str | None = None
    tool_calls: list[EarlierToolCall] | None = Field(None, max_length=MAX_TOOL_CALLS)
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None
    _thought_in_parts: str = PrivateAttr("")
    _parts: list[Given] = PrivateAttr(default_factory=list)

    @model_validator(mode="wrap")
    @classmethod
    def _with_parts(cls, given: Any, handler: ModelWrapValidatorHandler[Message]) -> Message:
        message = handler(given)
        content = given.get("content") if isinstance(given, dict) else None
        if isinstance(content, list):
            message._thought_in_parts = "\n".join(_text_of(part) for part in content if part["type"] == "thinking")
            if any(part["type"] in MEDIA_PARTS for part in content):
                message._parts = [_given(part) for part in content]
        return message

    @field_validator("content", mode="before")
    @classmethod
    def _joined_text(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, str):
            return given
        if not isinstance(given, list):
            raise ValueError("expected a string or a list of parts")
        if len(given) > MAX_PARTS:
            raise ValueError(f"expected at most {MAX_PARTS} parts, got {len(given)}")
        kinds = ASSISTANT_PARTS if info.data.get("role") == "assistant" else (*PARTS, *MEDIA_PARTS)
        for index, part in enumerate(given):
            _check_part(index, part, kinds)
        return "\n".join(_text_of(part) for part in given if part["type"] not in _APART)

    def to_wire(self, path: str) -> dict[str, Any]:
        """The message in OpenAI's current form, which replaces ``function_call`` and the role ``function``.

        Its media are not read yet.

        Raises:
            ApiError: 400, the message at ``path`` has no content, which only the assistant and a function may lack, or
                two different thoughts.
        """
        message: dict[str, Any] = {
            "role": "tool" if self.role == "function" else self.role,
            "content": self._sent_content(path),
        }
        calls = [call.model_dump() for call in self.tool_calls or []]
        if self.function_call is not None and not calls:
            calls = [{"id": "", "type": "function", "function": self.function_call.model_dump()}]
        if thought := self._thought(path):
            message["reasoning_content"] = thought
        if calls:
            message["tool_calls"] = calls
        if self.name is not None:
            message["name"] = self.name
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return message

    def _thought(self, path: str) -> str | None:
        if self.role != "assistant":
            return None
        return agreed(
            {
                f"{path}.reasoning_content": self.reasoning_content or None,
                f"{path}.reasoning": self.reasoning or None,
                f"{path}.content": self._thought_in_parts or None,
            }
        )

    def _sent_content(self, path: str) -> Content | None:
        if self._parts:
            for index, part in enumerate(self._parts):
                if isinstance(part, GivenMedium):
                    part.field = f"{path}.content.{index}"
            return content_of(self._parts)
        if self.content is not None:
            assert isinstance(self.content, str)
            return self.content
        if self.role == "assistant":
            return self.refusal
        if self.role == "function":
            return ""
        field = f"{path}.content"
        raise ApiError(400, f"{field} is required for role {self.role}: a string or a list of parts", field)


def _check_part(index: int, part: Any, kinds: tuple[str, ...]) -> None:
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    if kind not in kinds:
        expected = " or ".join(map(repr, kinds))
        raise ValueError(f"expected parts of type {expected}, got type {str(kind)[:50]!r} for part {index}")
    if kind in MEDIA_PARTS:
        check_media_part(index, part)
        return
    text = part.get(kind)
    if kind == "thinking" and isinstance(text, list):
        if len(text) > MAX_PARTS:
            raise ValueError(f"expected at most {MAX_PARTS} parts as the thinking of part {index}, got {len(text)}")
        for inner in text:
            _check_part(index, inner, PARTS)
    elif not isinstance(text, str):
        raise ValueError(f"expected a string as the {kind} of part {index}, got {shown(text)}")


def _given(part: dict[str, Any]) -> Given:
    """A checked part: its text or its medium."""
    return medium_of(part) if part["type"] in MEDIA_PARTS else _text_of(part)


def _text_of(part: dict[str, Any]) -> str:
    """The text of a checked part."""
    text = part[part["type"]]
    return text if isinstance(text, str) else "".join(inner["text"] for inner in text)
