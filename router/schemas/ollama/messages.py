"""The messages of ``/api/chat``, and the same in OpenAI's form."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict, deque
from typing import Any, Literal

from pydantic import Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.ollama.generation import content_with
from router.schemas.text.messages import MAX_TOOL_CALLS

_ROLES = {"function": "tool"}


class OllamaCalledFunction(RequestModel):
    """The function of an earlier call. ``arguments`` is an object, as JSON text too."""

    name: str = Field(max_length=256)
    arguments: dict[str, Any] | str = {}
    index: int | None = None

    @field_validator("arguments", mode="before")
    @classmethod
    def _object_or_text(cls, given: Any) -> Any:
        if not isinstance(given, dict | str):
            raise ValueError("expected an object, or JSON text of one")
        return given

    @property
    def json_arguments(self) -> str:
        """The arguments as JSON text."""
        given = self.arguments
        return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


class OllamaEarlierCall(RequestModel):
    """An earlier call by the assistant."""

    id: str = ""
    function: OllamaCalledFunction


class OllamaMessage(RequestModel):
    """One turn of a chat. All but the assistant's may have ``images``."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str = ""
    thinking: str | None = Field(None, description="What the assistant thought before this message.")
    images: list[str] | None = Field(None, description="Pictures as base64.")
    tool_calls: list[OllamaEarlierCall] = Field([], max_length=MAX_TOOL_CALLS)
    tool_name: str | None = Field(None, max_length=256, description="The function of which this is the result.")
    tool_call_id: str | None = Field(None, max_length=256)

    @field_validator("role", mode="before")
    @classmethod
    def _in_lower_case(cls, given: Any) -> Any:
        return given.lower() if isinstance(given, str) else given


class _OpenCalls:
    """The calls that have no result yet. Ollama's clients rarely name their ids; templates may want them."""

    def __init__(self) -> None:
        self._made = 0
        self._open: dict[int, tuple[str, str]] = {}
        self._numbers: defaultdict[tuple[str | None, str | None], deque[int]] = defaultdict(deque)

    def add(self, call: OllamaEarlierCall) -> str:
        """The id of a call."""
        number, name = self._made, call.function.name
        call_id = call.id or f"call{number:05d}"
        self._made += 1
        self._open[number] = (call_id, name)
        for named in itertools.product((None, call_id), (None, name)):
            self._numbers[named].append(number)
        return call_id

    def take(self, message: OllamaMessage) -> tuple[str | None, str | None]:
        """The id and the function of the call that a result is for: the first that it names, else the first one."""
        named = (message.tool_call_id or None, message.tool_name or None)
        numbers = self._numbers.get(named, deque())
        while numbers:
            if (call := self._open.pop(numbers.popleft(), None)) is not None:
                return call
        return named


def messages_to_wire(messages: list[OllamaMessage]) -> list[dict[str, Any]]:
    """The messages in OpenAI's form. Their pictures are not read yet.

    Raises:
        ApiError: 400, one of the assistant's has pictures.
    """
    calls = _OpenCalls()
    return [_to_wire(message, f"messages.{index}", calls) for index, message in enumerate(messages)]


def _to_wire(message: OllamaMessage, path: str, calls: _OpenCalls) -> dict[str, Any]:
    content = content_with(message.images, message.content, f"{path}.images")
    wired: dict[str, Any] = {"role": _ROLES.get(message.role, message.role), "content": content}
    if message.role == "assistant":
        if message.images:
            field = f"{path}.images"
            raise ApiError(400, f"{field}: expected none in an assistant's message, got {len(message.images)}", field)
        if message.thinking:
            wired["reasoning_content"] = message.thinking
        if message.tool_calls:
            wired["tool_calls"] = [_call_to_wire(call, calls) for call in message.tool_calls]
    elif wired["role"] == "tool":
        call_id, name = calls.take(message)
        if call_id is not None:
            wired["tool_call_id"] = call_id
        if name is not None:
            wired["name"] = name
    return wired


def _call_to_wire(call: OllamaEarlierCall, calls: _OpenCalls) -> dict[str, Any]:
    function = {"name": call.function.name, "arguments": call.function.json_arguments}
    return {"id": calls.add(call), "type": "function", "function": function}
