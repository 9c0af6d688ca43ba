"""Renders a chat template with known texts, to see where they come out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

USER = "Uprobe9 asks"
WORDS = "Cprobe9 says"
THOUGHT = "Rprobe9 muses"
FUNCTION, OTHER = "fprobe_one", "gprobe_two"
TEXT_KEY, NUMBER_KEY = "kprobe", "nprobe"
TEXT, NUMBER = "Vprobe9", 471
ID, OTHER_ID = "probeid01", "probeid02"
ARGUMENTS: dict[str, Any] = {TEXT_KEY: TEXT, NUMBER_KEY: NUMBER}
THINKING = {"enable_thinking": True, "thinking": True}
NOT_THINKING = {"enable_thinking": False, "thinking": False}


class Renderer(Protocol):
    """Renders messages with one template. Any exception says that the template refuses them."""

    def __call__(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        generation: bool,
        options: dict[str, Any],
    ) -> str: ...


def tool(name: str) -> dict[str, Any]:
    """A function with a text, a number and an open parameter, none required."""
    properties = {
        TEXT_KEY: {"type": "string", "description": "a text"},
        NUMBER_KEY: {"type": "integer", "description": "a number"},
    }
    parameters = {"type": "object", "properties": properties, "required": []}
    return {"type": "function", "function": {"name": name, "description": f"Does {name}", "parameters": parameters}}


FRESH_FUNCTION = "measure-it"
FRESH_ARGUMENTS: dict[str, Any] = {
    "place": "Zürich, 8. Straße",
    "note": 'say "hi", it\'s <b>',
    "days": -3,
    "ratio": 0.5,
    "quick": False,
    "deep": {"list": [1, "two", None, True], "inner": {"x": "y"}},
    "empty": "",
}
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}
FRESH_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {key: {"type": _TYPES[type(value)], "description": key} for key, value in FRESH_ARGUMENTS.items()},
    "required": list(FRESH_ARGUMENTS),
}
FRESH_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": FRESH_FUNCTION, "description": "Measures it", "parameters": FRESH_PARAMETERS},
}

TOOLS = [tool(FUNCTION), tool(OTHER)]


def call(name: str, arguments: Any, identifier: str) -> dict[str, Any]:
    """A call in a message."""
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def naming_id(name: str, index: int) -> str:
    """The id of a call by Kimi's rule, which tells the function's name."""
    return f"functions.{name}:{index}"


@dataclass(frozen=True, slots=True)
class TemplateProbe:
    """Shows what a template makes of an assistant's message.

    ``needs_tools``: the template fails without tools.
    """

    render: Renderer
    needs_tools: bool = False

    @classmethod
    def of(cls, render: Renderer) -> TemplateProbe:
        """The probe of a template, with tools if it fails without."""
        probe = cls(render)
        return probe if probe.tail({"content": WORDS}) is not None else cls(render, needs_tools=True)

    def tail(
        self,
        assistant: dict[str, Any] | None = None,
        generation: bool = False,
        tools: Sequence[dict[str, Any]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> str | None:
        """What comes after the user's message; None if the template refuses the messages or loses the user's."""
        messages = [{"role": "user", "content": USER}]
        if assistant is not None:
            messages.append({"role": "assistant", **assistant})
        try:
            tools = tools or (TOOLS if self.needs_tools else None)
            text = self.render(messages, list(tools) if tools else None, generation, options or {})
        except MemoryError:
            raise
        except Exception:  # an untrusted program may raise anything
            return None
        _, found, after = text.rpartition(USER)
        return after if found else None


def arguments_as(shape: str) -> Callable[[dict[str, Any]], Any]:
    """Gives arguments as an ``object``, or as the ``text`` of one."""
    return (lambda value: value) if shape == "object" else json.dumps


def json_values(text: str) -> list[tuple[int, int, Any]]:
    """The outermost JSON objects and arrays in a text that are not empty, with their places."""
    found, at, decoder = [], 0, json.JSONDecoder()
    while at < len(text):
        if text[at] in "{[":
            try:
                value, end = decoder.raw_decode(text, at)
            except ValueError:
                pass
            else:
                if value:
                    found.append((at, end, value))
                    at = end
                    continue
        at += 1
    return found
