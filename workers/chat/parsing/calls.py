"""Reads the calls of an answer, from behind the marker that began them."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from workers.chat.formats.chat_format import CallFormat, CallKind
from workers.chat.parsing.json_calls import JsonCallReader
from workers.chat.parsing.json_text import closing, read_json
from workers.chat.parsing.literals import PYTHON, LiteralNotation, LiteralReader
from workers.chat.parsing.parts import AnswerPart, Arguments, CallBegin
from workers.chat.parsing.reader import TAG, Marker, Reading, TextReader
from workers.chat.parsing.schema_types import property_names
from workers.chat.parsing.tagged_arguments import TaggedArguments

_NAME = re.compile(r"[\w.\-]+")
_OPEN_TAG = re.compile(r"<[\w:]+[= ]")
_MIN_MARKER = 3
_OPENERS = (
    "<|python_tag|>",
    "<|python_start|>",
    "<|tool_call|>",
    "<tool_call>",
    "[TOOL_CALLS]",
    "functools",
    "```json",
)
_CLOSERS = ("<|python_end|>", "</tool_call>", "```")
"""What models set around calls although their templates show calls without markers."""


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
        own_triggers: the markers with which calls begin.
        later_triggers: these, and others that models may write in their place.
        triggers: these, and calls without markers, as they may stand where nothing came before.
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
        section, call = call_format.section, call_format.call
        self._next = _beginnings(call.begin) if call.begin.strip() else []
        both = _beginnings(section.begin + call.begin) if section.begin.strip() else []
        bare = self._bare_beginnings()
        self.own_triggers = [marker for marker in [*both, *self._next] if marker]
        openers = list(_OPENERS) if not self.own_triggers else []
        self._openers = [Marker(opener) for opener in openers]
        instead = [Marker(f"{opener} {marker.text}") for opener in openers for marker in bare]
        instead += [Marker(marker.text.replace("<|", "<").replace("|>", ">")) for marker in both if "<|" in marker.text]
        self.later_triggers = [*self.own_triggers, *instead]
        self.triggers = [*self.later_triggers, *bare]
        self._unmarked = [*bare, *instead[: len(openers) * len(bare)]]
        self._section_ends = self._loosely([*_pieces(section.end), *(_CLOSERS if openers else ())])
        self._ends = [*self._loosely(_pieces(call.end)), *self._section_ends]
        self._separator = Marker(call_format.separator.strip())
        self._after_name = Marker(call_format.after_name.strip())
        self._json = JsonCallReader(reader, call_format.keys, self._begin, self._arguments)
        self._written = list[str]()
        self._known_only = self._begun = False

    def _bare_beginnings(self) -> list[Marker]:
        """How calls begin that have no markers: an object's first key, or a function's name."""
        keys = self._format.keys
        match self._format.kind:
            case CallKind.PYTHON:
                return [Marker(opening + f"{name}(") for name in self._schemas for opening in ("[", "")]
            case CallKind.NAMED_JSON if self._format.unmarked:
                return [Marker(f"{name}{self._format.after_name}{{") for name in self._schemas]
            case CallKind.JSON if not keys.name_is_key:
                names = dict.fromkeys([keys.inside or keys.name, keys.id, *keys.more])
                return [Marker(f'{opening} "{name}"') for name in names if name for opening in ("{", "[ {")]
        return []

    def _loosely(self, ends: Sequence[str]) -> list[Marker]:
        """The ends, with a bracket before them too, of which models write one too many."""
        brackets = {CallKind.JSON: "}]", CallKind.NAMED_JSON: "}", CallKind.PYTHON: "]"}.get(self._format.kind, "")
        return [Marker(bracket + end) for end in ends if end.strip() for bracket in ("", *brackets)]

    def calls(self, marker: Marker) -> Reading:
        """Read calls, which this marker began, for as long as they come; False if the first is malformed."""
        reader, found = self._reader, False
        assert reader.hit is not None
        self._known_only = marker in self._unmarked
        if self._known_only:
            reader.at = reader.hit.start
            yield from reader.accept(self._openers)
        while True:
            start, self._begun = reader.at, False
            reader.pin()
            complete = (not found or (yield from self._goes_on())) and (yield from self._one())
            if not self._begun:
                reader.at = start
                reader.unpin()
                return found
            found = True
            if not complete:
                yield from self._break_off()
                return True
            if (yield from self._read_ends()):
                return True

    def _goes_on(self) -> Reading:
        """Whether another call comes. What comes before it is read."""
        reader = self._reader
        yield from reader.accept([self._separator])
        if self._next:
            return (yield from reader.accept(self._next))
        return (yield from reader.skip_space()) and reader.text[reader.at] == "{"

    def _break_off(self) -> Reading:
        """Complete the arguments of a call that is malformed. One that the end of the answer cuts stays as it is."""
        reader = self._reader
        if not (yield from reader.skip_space()):
            return False
        if ends := closing("".join(self._written)):
            self._arguments(ends)
        return (yield from self._read_ends())

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
                return (yield from self._json_calls())
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
        found = (yield from reader.skip_space()) and (yield from reader.read_pattern(_NAME))
        return reader.found if found else ""

    def _json_calls(self) -> Reading:
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
        return self._begin(name, identifier) and (yield from read_json(reader, self._arguments))

    def _tagged(self, name: str, identifier: str) -> Reading:
        parameter = self._format.parameter
        assert parameter is not None
        if name not in self._schemas or not self._begin(name, identifier):
            return False
        schema = self._schemas.get(name, {})
        return (yield from TaggedArguments(self._reader, parameter, self._ends, schema, self._arguments).read())

    def _dict(self, name: str, identifier: str) -> Reading:
        reader = self._reader
        if not (yield from reader.skip_space()) or reader.text[reader.at] != "{":
            return False
        if not self._begin(name, identifier):
            return False
        reader.at += 1
        quote = self._format.quote
        notation = LiteralNotation((quote,), escapes=quote in "'\"")
        return (yield from self._literals(notation, name).members("}", ":"))

    def _python_calls(self) -> Reading:
        """Read ``name(key=value), ...``, within brackets or not."""
        reader, found = self._reader, False
        while (yield from reader.skip_space()):
            character = reader.text[reader.at]
            if character in "[,":
                reader.at += 1
                continue
            if character == "]":
                reader.at += 1
                return found
            reader.pin()
            start = reader.at
            name = yield from self._name()
            called = bool(name) and (yield from reader.skip_space()) and reader.text[reader.at] == "("
            called = called and self._begin(name, "")
            reader.at = reader.at + 1 if called else start
            reader.unpin()
            if not called:
                return found
            found = True
            if not (yield from self._literals(PYTHON, name).members(")", "=")):
                return False
        return found

    def _literals(self, notation: LiteralNotation, name: str) -> LiteralReader:
        keys = property_names(self._schemas.get(name, {}))
        return LiteralReader(self._reader, notation, self._arguments, sorted(keys, key=len, reverse=True))

    def _begin(self, name: str, identifier: str) -> bool:
        """Begin a call; False if it has no markers and there is no such function."""
        if self._known_only and name not in self._schemas:
            return False
        if not self._begun:
            self._begun = True
            self._reader.unpin()
        self._written.clear()
        self._emit(CallBegin(name, identifier))
        return True

    def _arguments(self, text: str) -> None:
        if text:
            self._written.append(text)
            self._emit(Arguments(text))
