"""Reads tool calls from an answer as it is generated.

The answer is constrained by the grammar of :mod:`workers.llama.chat.tool_grammar`, so its exact format is known.
"""

from __future__ import annotations

import re
from enum import Enum

from shared.wire.payloads import ToolCallDelta
from workers.llama.chat.tool_format import ToolFormat


class _Part(Enum):
    CONTENT = "content"
    HEAD = "head"
    ARGUMENTS = "arguments"


class ToolCallParser:
    """Splits the text of a constrained answer into content and calls."""

    def __init__(self, tool_format: ToolFormat, content_allowed: bool) -> None:
        self._head = re.compile(r'\{"name": "([^"]+)", "' + tool_format.arguments_key + '": ')
        self._trigger = tool_format.trigger
        self._part = _Part.CONTENT if content_allowed else _Part.HEAD
        self._buffer = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.calls = 0

    def feed(self, text: str) -> tuple[str, list[ToolCallDelta]]:
        """Add text; returns the content and the parts of calls that it completes."""
        self._buffer += text
        content, deltas = "", list[ToolCallDelta]()
        while True:
            before = (self._part, len(self._buffer))
            if self._part is _Part.CONTENT:
                content += self._read_content()
            elif self._part is _Part.HEAD:
                deltas += self._read_head()
            else:
                deltas += self._read_arguments()
            if (self._part, len(self._buffer)) == before or not self._buffer:
                return content, deltas

    def flush(self) -> str:
        """End the answer; returns the content that was held back as a possible beginning of a call."""
        content = self._buffer if self._part is _Part.CONTENT else ""
        self._buffer = ""
        return content

    def _read_content(self) -> str:
        at = self._buffer.find(self._trigger)
        if at >= 0:
            content, self._buffer = self._buffer[:at].rstrip(), self._buffer[at:]
            self._part = _Part.HEAD
            return content
        keep = len(self._buffer)
        while keep and not self._trigger.startswith(self._buffer[-keep:].lstrip()):
            keep -= 1
        content, self._buffer = self._buffer[: len(self._buffer) - keep], self._buffer[len(self._buffer) - keep :]
        return content

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
