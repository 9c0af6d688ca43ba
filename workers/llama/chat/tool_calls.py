"""How models write function calls: the formats that chat templates use, their grammar, and their parser.

Every format wraps the same body, ``{"name": "...", "arguments": {...}}``. Because generation is constrained to the
grammar built here, the parser can rely on its exact spelling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared.wire.payloads import ToolCallDelta

MOST_CALLS = 16
"""Calls in one answer; a bound on models that would go on for ever."""


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """Markers around a model's calls.

    ``opening`` comes once before the first call, ``begin`` and ``end`` around each, ``separator`` between two, and
    ``closing`` after the last. ``words_first`` tells whether an answer may have words before its calls.
    """

    opening: str
    begin: str
    end: str
    separator: str
    closing: str
    arguments_key: str
    words_first: bool

    @property
    def trigger(self) -> str:
        """The text by which a call is told from words."""
        return (self.opening + self.begin).strip() or '{"name": "'


HERMES = ToolFormat("", "<tool_call>\n", "\n</tool_call>", "\n", "", "arguments", True)
MISTRAL = ToolFormat("[TOOL_CALLS][", "", "", ", ", "]", "arguments", True)
LLAMA3 = ToolFormat("", "", "", "; ", "", "parameters", False)


def format_of(template: str) -> ToolFormat:
    """The format that a chat template speaks; Hermes' where it speaks none, since many models have seen it."""
    if "[TOOL_CALLS]" in template:
        return MISTRAL
    if "<tool_call>" not in template and '"parameters"' in template and "ipython" in template:
        return LLAMA3
    return HERMES


def calls_grammar(
    tool_format: ToolFormat,
    parameters: dict[str, Any],
    parallel: bool,
    words_allowed: bool,
    special_token: Callable[[str], int | None],
) -> str:
    """A Lark grammar (llguidance's dialect) of answers that call one or more of some functions.

    Args:
        tool_format: the markers.
        parameters: each function's JSON schema, by name.
        parallel: whether more than one call may follow.
        words_allowed: whether the answer may also be words without a call, or have words before it.
        special_token: the id of a marker that the vocabulary has as one special token, else None.
    """

    def marker(text: str) -> str:
        parts = [part for part in re.split(r"(</?tool_call>|\[TOOL_CALLS\])", text) if part]
        ids = [special_token(part) for part in parts]
        return " ".join(
            f"<[{token}]>" if token is not None else json.dumps(part) for part, token in zip(parts, ids, strict=True)
        )

    more = f"({marker(tool_format.separator)} one){{0,{MOST_CALLS - 1}}}" if parallel else ""
    rules = [
        f"calls: {marker(tool_format.opening)} one {more} {marker(tool_format.closing)}",
        f"one: {marker(tool_format.begin)} body {marker(tool_format.end)}",
        "body: " + " | ".join(f"body_{i}" for i in range(len(parameters))),
    ]
    for i, (name, schema) in enumerate(parameters.items()):
        head = json.dumps(f'{{"name": "{name}", "{tool_format.arguments_key}": ')
        rules += [f'body_{i}: {head} arguments_{i} "}}"', f"arguments_{i}: %json {json.dumps(schema)}"]
    return "\n".join([*_start_rules(tool_format, words_allowed, marker, more), *rules])


def _start_rules(tool_format: ToolFormat, words_allowed: bool, marker: Callable[[str], str], more: str) -> list[str]:
    if not words_allowed:
        return ["start: calls"]
    trigger = tool_format.trigger
    quoted = re.escape(trigger).replace("/", "\\/").replace('"', '\\"')
    if marker(trigger).startswith("<["):  # a special token, which no expression over text matches
        return ["start: WORDS? calls | WORDS?", "WORDS: /(?s:.+)/"]
    if not tool_format.words_first:
        return ["start: calls | WORDS", f"WORDS: /(?s:.*)/ & ~/(?s:\\s*{quoted}.*)/"]
    rest = f"calls_after: {_after_trigger(tool_format, marker, more)}"
    return [
        "start: WORDS | words_and_trigger calls_after",
        f"WORDS: /(?s:.*)/ & ~/(?s:.*{quoted}.*)/",
        f"words_and_trigger[lazy]: /(?s:.*){quoted}/",
        rest,
    ]


def _after_trigger(tool_format: ToolFormat, marker: Callable[[str], str], more: str) -> str:
    """The rule for the first call once its trigger has been read as the end of the words, and for further calls."""
    left = (tool_format.opening + tool_format.begin)[len(tool_format.trigger) :]
    first = f"{marker(left)} body {marker(tool_format.end)}"
    return f"{first} {more} {marker(tool_format.closing)}"


class _Part(Enum):
    WORDS = "words"
    HEAD = "head"
    ARGUMENTS = "arguments"


class ToolCallParser:
    """Splits the text of a constrained answer into words and calls, piece by piece."""

    def __init__(self, tool_format: ToolFormat, words_allowed: bool) -> None:
        self._head = re.compile(r'\{"name": "([^"]+)", "' + tool_format.arguments_key + '": ')
        self._trigger = tool_format.trigger
        self._part = _Part.WORDS if words_allowed else _Part.HEAD
        self._buffer = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.calls = 0

    def feed(self, text: str) -> tuple[str, list[ToolCallDelta]]:
        """Take the next text; returns the words and the pieces of calls that it completes."""
        self._buffer += text
        words, deltas = "", list[ToolCallDelta]()
        while True:
            before = (self._part, len(self._buffer))
            if self._part is _Part.WORDS:
                words += self._read_words()
            elif self._part is _Part.HEAD:
                deltas += self._read_head()
            else:
                deltas += self._read_arguments()
            if (self._part, len(self._buffer)) == before or not self._buffer:
                return words, deltas

    def flush(self) -> str:
        """The answer has ended: words that were held back because a call could have begun with them."""
        words = self._buffer if self._part is _Part.WORDS else ""
        self._buffer = ""
        return words

    def _read_words(self) -> str:
        at = self._buffer.find(self._trigger)
        if at >= 0:
            words, self._buffer = self._buffer[:at].rstrip(), self._buffer[at:]
            self._part = _Part.HEAD
            return words
        keep = len(self._buffer)
        while keep and not self._trigger.startswith(self._buffer[-keep:].lstrip()):
            keep -= 1
        words, self._buffer = self._buffer[: len(self._buffer) - keep], self._buffer[len(self._buffer) - keep :]
        return words

    def _read_head(self) -> list[ToolCallDelta]:
        head = self._head.search(self._buffer)
        if head is None:
            return []
        self._buffer = self._buffer[head.end() :]
        self._part, self._depth, self._in_string = _Part.ARGUMENTS, 0, False
        self.calls += 1
        return [ToolCallDelta(self.calls - 1, head.group(1), "")]

    def _read_arguments(self) -> list[ToolCallDelta]:
        end = self._end_of_object()
        arguments, self._buffer = self._buffer[:end], self._buffer[end:]
        return [ToolCallDelta(self.calls - 1, None, arguments)] if arguments else []

    def _end_of_object(self) -> int:
        for at, character in enumerate(self._buffer):
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped = character == "\\"
                self._in_string = character != '"'
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self._part = _Part.HEAD
                    return at + 1
        return len(self._buffer)
