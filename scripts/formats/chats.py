"""Usual chats, each with the texts that its prompt must show."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from workers.chat.model_chat import ModelChat
from workers.chat.program import TemplateFailure, TemplateRefusal

Message = dict[str, Any]

SYSTEM, ASKED, SAID, MUSED, FOUND, FOUND_MORE = (
    "Be brief. s7k",
    "Rain? u7k",
    "No. a7k",
    "Dry. t7k",
    "sun r7k",
    "wind q7k",
)
PLACE, DAY = "Oslo v7k", "Monday w7k"

_PROPERTIES = {"place": {"type": "string", "description": "where"}, "count": {"type": "integer", "description": "days"}}
_PARAMETERS = {"type": "object", "properties": _PROPERTIES, "required": ["place"]}


def tool(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """A function as a request has it."""
    return {"type": "function", "function": {"name": name, "description": f"{name} it", "parameters": parameters}}


TOOLS = [tool("look_up", _PARAMETERS), tool("find_day", _PARAMETERS)]


@dataclass(frozen=True, slots=True)
class Chat:
    """Messages and tools, what must be in their prompt in this order, and what anywhere."""

    name: str
    messages: list[Message]
    shown: tuple[str, ...]
    also: tuple[str, ...] = ()
    tools: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def call(name: str, arguments: str, identifier: str) -> dict[str, Any]:
    """A call as a message has it."""
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def _result(of: dict[str, Any], text: str) -> Message:
    return {"role": "tool", "tool_call_id": of["id"], "content": text}


_SYSTEM: Message = {"role": "system", "content": SYSTEM}
_USER: Message = {"role": "user", "content": ASKED}
_WORDS: Message = {"role": "assistant", "content": SAID}
_ONE = call("look_up", json.dumps({"place": PLACE, "count": 3}), "call_abc_123456")
_OTHER = call("find_day", json.dumps({"place": DAY, "count": 3}), "call_abc_654321")
_EMPTY = call("look_up", "", "call_abc_1")
_THANKS: Message = {"role": "user", "content": "Thanks. x7k"}

CHATS = (
    Chat("words", [_USER], (ASKED,)),
    Chat("turns", [_USER, _WORDS, _THANKS], (ASKED, SAID, "x7k")),
    Chat("system", [_SYSTEM, _USER], (SYSTEM, ASKED)),
    Chat("late system", [_USER, _WORDS, _SYSTEM, _THANKS], (ASKED, SAID, SYSTEM, "x7k")),
    Chat("parts", [{"role": "user", "content": [{"type": "text", "text": ASKED}]}], (ASKED,)),
    Chat("two users", [_USER, _THANKS], (ASKED, "x7k")),
    Chat("thought", [_USER, {**_WORDS, "reasoning_content": MUSED}, _THANKS], (ASKED, SAID, "x7k")),
    Chat("thinking", [_USER], (ASKED,), options={"enable_thinking": True}),
    Chat("not thinking", [_USER], (ASKED,), options={"enable_thinking": False}),
    Chat("tools", [_USER], ("look_up", "find_day"), tools=TOOLS),
    Chat("tools and system", [_SYSTEM, _USER], (SYSTEM,), tools=TOOLS),
    Chat(
        "call",
        [_USER, {"role": "assistant", "content": None, "tool_calls": [_ONE]}, _result(_ONE, FOUND)],
        (ASKED, PLACE, FOUND),
        ("look_up",),
        tools=TOOLS,
    ),
    Chat(
        "words and call",
        [_USER, {**_WORDS, "tool_calls": [_ONE]}, _result(_ONE, FOUND), _WORDS, _THANKS],
        (ASKED, PLACE, FOUND, "x7k"),
        (SAID,),
        tools=TOOLS,
    ),
    Chat(
        "thought and call",
        [
            _USER,
            {"role": "assistant", "content": "", "reasoning_content": MUSED, "tool_calls": [_ONE]},
            _result(_ONE, FOUND),
        ],
        (ASKED, PLACE, FOUND),
        tools=TOOLS,
    ),
    Chat(
        "two calls",
        [
            _USER,
            {"role": "assistant", "content": None, "tool_calls": [_ONE, _OTHER]},
            _result(_ONE, FOUND),
            _result(_OTHER, FOUND_MORE),
        ],
        (ASKED, PLACE, FOUND, FOUND_MORE),
        ("find_day", DAY),
        tools=TOOLS,
    ),
    Chat(
        "no arguments",
        [_USER, {"role": "assistant", "content": None, "tool_calls": [_EMPTY]}, _result(_EMPTY, FOUND)],
        (ASKED, FOUND),
        ("look_up",),
        tools=TOOLS,
    ),
    Chat(
        "calls without tools",
        [_USER, {"role": "assistant", "content": None, "tool_calls": [_ONE]}, _result(_ONE, FOUND)],
        (ASKED, PLACE, FOUND),
    ),
)


def fault(chat: ModelChat, usual: Chat) -> str | None:
    """What is wrong with the prompt of a usual chat: the template's reason, or the first text that is lost."""
    try:
        prompt = chat.prompt(usual.messages, usual.tools, usual.options).text
    except (TemplateRefusal, TemplateFailure) as error:
        return f"{type(error).__name__}: {error}"
    places = [prompt.rfind(text) for text in usual.shown]
    missing = [text for text in (*usual.shown, *usual.also) if text not in prompt]
    if missing:
        return f"lost: {', '.join(map(repr, missing))}"
    return None if places == sorted(places) else f"out of order: {usual.shown}"
