"""Reads the calls of an answer, from behind the marker that began them."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import Any

from workers.chat.formats.chat_format import CallFormat, CallKind
from workers.chat.parsing.json_calls import JsonCallReader, read_json
from workers.chat.parsing.literals import PYTHON, LiteralNotation, LiteralReader
from workers.chat.parsing.parts import AnswerPart, Arguments, CallBegin
from workers.chat.parsing.reader import TAG, Marker, Reading, TextReader
from workers.chat.parsing.tagged_arguments import TaggedArguments

_NAME = re.compile(r"[\w.\-]+")
_OPEN_TAG = re.compile(r"<[\w:]+[= ]")
_MIN_MARKER = 3


def _beginnings(text: str) -> list[Marker]:
    """A marker, and what is left of it from each of its tags on, the longest first."""
    text = text.strip()
    starts = {0, *(match.start() for pattern in (TAG, _OPEN_TAG) for match in pattern.finditer(text))}
    return [Marker(text[start:]) for start in sorted(starts) if len(text) - start >= _MIN_MARKER or start == 0]


def _pieces(text: str) -> list[str]:
    """The tags of a marker that consists of tags, so that one may be missing; else the marker."""
    pieces = [piece.strip() for piece in re.split(f"({TAG.pattern})", text) if piece.strip()]
    return pieces if all(TAG.fullmatch(piece) for piece in pieces) else [text]


class CallReader:
    """Reads calls in one format.

    Args:
        reader: where the text comes from.
        call_format: how calls are written.
        schemas: the parameters of each function, by name.
        emit: gets what is found.

    Attributes:
        triggers: the markers with which calls begin.
        unmarked: calls have no marker of their own.
    """

    def __init__(
        self,
        reader: TextReader,
        call_format: CallFormat,
        schemas: Mapping[str, dict[str, Any]],
        emit: Callable[[AnswerPart], None],
    ) -> None:
        self._reader = reader
        self._format = call_format
        self._schemas = schemas
        self._emit = emit
        self.unmarked = call_format.unmarked
        section, call = call_format.section, call_format.call
        self._next = _beginnings(call.begin) if call.begin.strip() else []
        both = _beginnings(section.begin + call.begin) if section.begin.strip() else []
        self.triggers = [m for m in ([*both, *self._next] or self._json_beginnings()) if m]
        self._section_ends = [Marker(piece) for piece in _pieces(section.end)]
        self._ends = [*(Marker(piece) for piece in _pieces(call.end)), *self._section_ends]
        self._separator = Marker(call_format.separator.strip())
        self._after_name = Marker(call_format.after_name.strip())
        self._json = JsonCallReader(reader, call_format.keys, self._begin, self._arguments)

    def _json_beginnings(self) -> list[Marker]:
        """Markers for calls that have none: the first key of an object."""
        if self._format.kind is CallKind.PYTHON:
            return [Marker("[")]
        keys = self._format.keys
        names = dict.fromkeys([keys.inside or keys.name, keys.id, *keys.more])
        opening = "[ {" if keys.array else "{"
        return [Marker(f'{opening} "{name}"') for name in names if name]

    def calls(self) -> Reading:
        """Read calls for as long as they come; False if the first is malformed."""
        reader, found = self._reader, False
        while True:
            start = reader.at
            if not (yield from self._one()):
                reader.at = start
                return found
            found = True
            if (yield from self._read_ends()):
                return True
            start = reader.at
            yield from reader.accept([self._separator])
            if self._next:
                goes_on = yield from reader.accept(self._next)
            else:
                goes_on = (yield from reader.skip_space()) and reader.text[reader.at] == "{"
            if not goes_on:
                reader.at = start
                return True

    def _read_ends(self) -> Reading:
        """Read the markers behind a call; True if one of them ends all calls."""
        reader, ended = self._reader, False
        while (yield from reader.accept(self._section_ends if ended else self._ends)):
            assert reader.hit is not None
            ended = ended or self._ends[reader.hit.index] in self._section_ends
        return ended

    def _one(self) -> Reading:
        match self._format.kind:
            case CallKind.JSON:
                return (yield from self._json_call())
            case CallKind.PYTHON:
                return (yield from self._python_calls())
        identifier = self._reader.hit.holes.get("id", "") if self._reader.hit is not None else ""
        name = yield from self._name()
        if not name:
            return False
        if self._after_name and (yield from self._reader.accept([self._after_name])):
            assert self._reader.hit is not None
            identifier = self._reader.hit.holes.get("id", identifier)
        match self._format.kind:
            case CallKind.NAMED_JSON:
                return (yield from self._named_json(name, identifier))
            case CallKind.TAGGED:
                return (yield from self._tagged(name, identifier))
        return (yield from self._dict(name, identifier))

    def _name(self) -> Generator[None, None, str]:
        reader = self._reader
        if not (yield from reader.skip_space()):
            return ""
        start = reader.at
        if not (yield from reader.read_pattern(_NAME)):
            return ""
        return reader.text[start : reader.at]

    def _json_call(self) -> Reading:
        """Read the object of a call, or an array of such."""
        reader = self._reader
        if not (yield from reader.skip_space()):
            return False
        if reader.text[reader.at] != "[":
            return (yield from self._json.call())
        reader.at += 1
        while (yield from reader.skip_space()):
            character = reader.text[reader.at]
            if character in "],":
                reader.at += 1
                if character == "]":
                    return True
            elif not (yield from self._json.call()):
                return False
        return True

    def _named_json(self, name: str, identifier: str) -> Reading:
        reader = self._reader
        if not (yield from reader.skip_space()) or reader.text[reader.at] != "{":
            return False
        self._begin(name, identifier)
        yield from read_json(reader, self._arguments)
        return True

    def _tagged(self, name: str, identifier: str) -> Reading:
        parameter = self._format.parameter
        assert parameter is not None
        if self._schemas and name not in self._schemas:
            return False
        self._begin(name, identifier)
        schema = self._schemas.get(name, {})
        return (yield from TaggedArguments(self._reader, parameter, self._ends, schema, self._arguments).read())

    def _dict(self, name: str, identifier: str) -> Reading:
        reader = self._reader
        if not (yield from reader.skip_space()) or reader.text[reader.at] != "{":
            return False
        reader.at += 1
        self._begin(name, identifier)
        quote = self._format.quote
        notation = LiteralNotation((quote,), escapes=quote in "'\"")
        return (yield from LiteralReader(reader, notation, self._arguments).members("}", ":"))

    def _python_calls(self) -> Reading:
        """Read ``name(key=value), ...``, within brackets or not."""
        reader, found = self._reader, False
        values = LiteralReader(reader, PYTHON, self._arguments)
        while (yield from reader.skip_space()):
            character = reader.text[reader.at]
            if character in "[,":
                reader.at += 1
                continue
            if character == "]":
                reader.at += 1
                return found
            start = reader.at
            name = yield from self._name()
            if not name or not (yield from reader.skip_space()) or reader.text[reader.at] != "(":
                reader.at = start
                return found
            reader.at += 1
            self._begin(name, "")
            found = True
            if not (yield from values.members(")", "=")):
                return True
        return found

    def _begin(self, name: str, identifier: str) -> None:
        self._emit(CallBegin(name, identifier))

    def _arguments(self, text: str) -> None:
        if text:
            self._emit(Arguments(text))
