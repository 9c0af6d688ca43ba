"""Random calls, with all that may be hard to write and to read back."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.formats.chats import tool

_WORDS = ("rain", "Oslo", "seven", "a-b", "x_1", "3", "true", "null", "[1]", "{}", "0.5", "price: 3", "a, b")
_FOREIGN = ("Zürich", "東京", "naïve", "🙂", "Ελλάδα", "e\u0301", "\u200b", "ـ", "\U0001d538")
_QUOTES = ('"', "'", '\\"', "\\", '"""', "say 'hi'", '{"a": "b"}', "it's", "`", "\\n")
_LINES = ("one\ntwo", "a\n\nb", "tab\there", "x\n  y\n}")
_MARKERS = ("<b>", "</b>", "&amp;", "<|x|>", "</think>", "<think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<")

Draw = random.Random


@dataclass(frozen=True, slots=True)
class RandomCall:
    """A function's name, its arguments and the tool that it belongs to."""

    name: str
    arguments: dict[str, Any]

    @property
    def tool(self) -> dict[str, Any]:
        """The tool as a request has it."""
        properties = {key: {**_schema(value), "description": key} for key, value in self.arguments.items()}
        return tool(self.name, {"type": "object", "properties": properties, "required": list(properties)})


def random_call(draw: Draw, kind: str) -> RandomCall:
    """A call whose values are of one of :data:`KINDS`."""
    names = draw.sample(("place", "note", "days", "deep_value", "key2", "Ratio"), draw.randint(0, 4))
    name = draw.choice(("measure-it", "f", "get_weather", "ns_1"))
    return RandomCall(name, {key: KINDS[kind](draw) for key in names})


def _text_of(*choices: tuple[str, ...]) -> Callable[[Draw], str]:
    def text(draw: Draw) -> str:
        pool = [piece for choice in choices for piece in choice]
        return draw.choice((" ", "")).join(draw.choice(pool) for _ in range(draw.randint(1, 4))).strip()

    return text


def _value(draw: Draw, depth: int = 2) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: draw.choice((True, False)),
        lambda: draw.randint(-1000, 1000),
        lambda: round(draw.uniform(-10, 10), 3),
        lambda: None,
        lambda: "",
        lambda: draw.choice(_WORDS),
    ]
    if depth:
        kinds += [
            lambda: [_value(draw, depth - 1) for _ in range(draw.randint(0, 3))],
            lambda: {key: _value(draw, depth - 1) for key in draw.sample(("a", "b c", "d"), draw.randint(0, 3))},
        ]
    return draw.choice(kinds)()


def _schema(value: Any) -> dict[str, Any]:
    types = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return {"type": types.get(type(value), "null")}


KINDS: dict[str, Callable[[Draw], Any]] = {
    "words": _text_of(_WORDS),
    "types": _value,
    "unicode": _text_of(_FOREIGN, _WORDS),
    "quotes": _text_of(_QUOTES, _WORDS),
    "lines": _text_of(_LINES, _WORDS),
    "markers": _text_of(_MARKERS, _WORDS),
}
"""Makes values of each kind."""
