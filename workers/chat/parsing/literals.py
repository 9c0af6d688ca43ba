"""Reads values in a notation that is not JSON, and writes them as JSON while they come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workers.chat.parsing.reader import Marker, Reading, TextReader

_WORD = re.compile(r"[^\s,:=\[\]{}()<]+")
_BARE_KEYS = {":": re.compile(r"[^:,\[\]{}<\"]{1,256}"), "=": _WORD}
_LITERALS = {"True": "true", "False": "false", "None": "null"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v"}
_ESCAPED_CODE = {"x": 2, "u": 4, "U": 8}
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING_ENDS = {quote: re.compile(rf"[{quote}\\]") for quote in "'\""}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_AFTER_STRINGS = ",:=)]}<"
MAX_DEPTH = 64
"""How deeply lists and objects may be nested in a notation that is not JSON."""


def json_text(text: str) -> str:
    """A piece of text as it stands in a JSON string. Halves of characters are escaped, so that two may meet."""
    return _SURROGATE.sub(_escaped_half, json.dumps(text, ensure_ascii=False)[1:-1])


def _escaped_half(half: re.Match[str]) -> str:
    return f"\\u{ord(half[0]):04x}"


def json_word(word: str) -> str:
    """A bare word as JSON: a number, true, false or null if it is one, else a string."""
    word = _LITERALS.get(word, word)
    if word in _LITERALS.values() or _NUMBER.fullmatch(word):
        return word
    return f'"{json_text(word)}"'


@dataclass(frozen=True, slots=True)
class LiteralNotation:
    """How values are written: what strings stand in, and whether a backslash escapes in them."""

    quotes: tuple[str, ...]
    escapes: bool


PYTHON = LiteralNotation(("'", '"'), escapes=True)


class LiteralReader:
    """Reads one value after another.

    Args:
        reader: where the text comes from.
        notation: how it is written.
        sink: gets the JSON text.
        keys: names of members. Those that are no words are known by this.
    """

    def __init__(
        self, reader: TextReader, notation: LiteralNotation, sink: Callable[[str], None], keys: Sequence[str] = ()
    ) -> None:
        self._reader = reader
        self._odd_keys = [key for key in keys if not _WORD.fullmatch(key)]
        self._notation = notation
        self._quotes = [Marker(quote) for quote in notation.quotes]
        self._sink = sink
        self._depth = 0

    def value(self) -> Reading:
        """Read a value; False if there is none, it is nested too deeply, or its text ends too soon."""
        reader = self._reader
        if not (yield from reader.skip_space()):
            return False
        if (yield from reader.accept(self._quotes)):
            assert reader.hit is not None
            return (yield from self._string(self._notation.quotes[reader.hit.index]))
        character = reader.text[reader.at]
        if character in "{[(":
            if self._depth == MAX_DEPTH:
                return False
            self._depth += 1
            reader.at += 1
            inner = self.members("}", ":") if character == "{" else self._items(_CLOSING[character])
            complete = yield from inner
            self._depth -= 1
            return complete
        if not (yield from reader.read_pattern(_WORD)):
            return False
        self._sink(json_word(reader.found))
        return True

    def members(self, closing: str, assignment: str) -> Reading:
        """Read ``key: value, ...`` to the closing character, as a JSON object. What opened it was read before."""
        reader = self._reader
        self._sink("{")
        first = True
        while (yield from reader.skip_space()):
            character = reader.text[reader.at]
            if character == closing:
                reader.at += 1
                self._sink("}")
                return True
            if character == ",":
                reader.at += 1
                continue
            if not first:
                self._sink(", ")
            first = False
            if not (yield from self._key(assignment)) or not (yield from reader.skip_space()):
                return False
            if reader.text[reader.at] != assignment:
                return False
            reader.at += 1
            self._sink(": ")
            if not (yield from self.value()):
                return False
        return False

    def _items(self, closing: str) -> Reading:
        reader = self._reader
        self._sink("[")
        first = True
        while (yield from reader.skip_space()):
            character = reader.text[reader.at]
            if character == closing:
                reader.at += 1
                self._sink("]")
                return True
            if character == ",":
                reader.at += 1
                continue
            if not first:
                self._sink(", ")
            first = False
            if not (yield from self.value()):
                return False
        return False

    def _key(self, assignment: str) -> Reading:
        reader = self._reader
        if (yield from reader.accept(self._quotes)):
            assert reader.hit is not None
            return (yield from self._string(self._notation.quotes[reader.hit.index]))
        if self._odd_keys and (yield from reader.accept([Marker(key + assignment) for key in self._odd_keys])):
            assert reader.hit is not None
            reader.at -= len(assignment)
            self._sink(f'"{json_text(self._odd_keys[reader.hit.index])}"')
            return True
        if not (yield from reader.read_pattern(_BARE_KEYS[assignment])):
            return False
        self._sink(f'"{json_text(reader.found.rstrip())}"')
        return True

    def _string(self, quote: str) -> Reading:
        reader = self._reader
        self._sink('"')
        if not self._notation.escapes:
            ended = yield from reader.read_until([Marker(quote)], lambda text: self._sink(json_text(text)))
        else:
            ended = yield from self._escaped_string(quote)
        if ended:
            self._sink('"')
        return ended

    def _escaped_string(self, quote: str) -> Reading:
        reader, ends = self._reader, _STRING_ENDS[quote]
        while True:
            text = reader.text
            while reader.at < len(text):
                end = ends.search(text, reader.at)
                place = end.start() if end is not None else len(text)
                if place > reader.at:
                    self._sink(json_text(text[reader.at : place]))
                    reader.at = place
                    continue
                if text[place] == quote:
                    if (yield from self._string_ends()):
                        return True
                    text = reader.text
                    self._sink(json_text(quote))
                    continue
                taken = _escaped(text, reader.at, reader.ended)
                if taken is None:
                    break
                meant, reader.at = taken
                self._sink(json_text(meant))
            if reader.ended:
                return False
            yield

    def _string_ends(self) -> Reading:
        """Read a quote; whether it ends a string, since models forget to escape those that do not."""
        reader = self._reader
        reader.at += 1
        reader.pin()
        end = reader.at
        ends = not (yield from reader.skip_space()) or reader.text[reader.at] in _AFTER_STRINGS
        reader.at = end
        reader.unpin()
        return ends


def _escaped(text: str, at: int, ended: bool) -> tuple[str, int] | None:
    """What the escape at this place means and where it ends; None if it may go on."""
    if at + 1 == len(text):
        return ("\\", at + 1) if ended else None
    kind = text[at + 1]
    digits = _ESCAPED_CODE.get(kind)
    if digits is None:
        return _ESCAPES.get(kind, kind), at + 2
    code = text[at + 2 : at + 2 + digits]
    if len(code) < digits and not ended:
        return None
    try:
        return chr(int(code, 16)), at + 2 + digits
    except (ValueError, OverflowError):
        return kind, at + 2
