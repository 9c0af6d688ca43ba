"""Reads calls that are JSON objects, and arguments that are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from workers.chat.formats.chat_format import JsonKeys
from workers.chat.parsing.reader import Reading, TextReader

_STRUCTURE = re.compile(r'[\[\]{}"]')
_STRING_END = re.compile(r'["\\]')
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")


def read_json(reader: TextReader, sink: Callable[[str], None]) -> Reading:
    """Give one JSON value to ``sink`` as it comes; False if there is none, or the text ends in it."""
    if not (yield from reader.skip_space()):
        return False
    character = reader.text[reader.at]
    if character not in '{["':
        start = reader.at
        found = yield from reader.read_pattern(_WORD)
        sink(reader.text[start : reader.at])
        return found
    depth, in_string = 0, False
    while True:
        start, done = reader.at, False
        while not done and (match := (_STRING_END if in_string else _STRUCTURE).search(reader.text, reader.at)):
            character = match.group()
            if character == "\\":
                if match.end() == len(reader.text):
                    break
                reader.at = match.end() + 1
                continue
            reader.at = match.end()
            if character == '"':
                in_string = not in_string
            else:
                depth += 1 if character in "[{" else -1
            done = depth <= 0 and not in_string
        if not done:
            reader.at = len(reader.text)
            if reader.text.endswith("\\") and in_string and not reader.ended:
                reader.at = _before_escape(reader.text, start)
        sink(reader.text[start : reader.at])
        if done:
            return True
        if reader.ended:
            return False
        yield


def _before_escape(text: str, start: int) -> int:
    """Where the last character's escape begins, or the text's end if the backslash is itself escaped."""
    slashes = len(text) - len(text[start:].rstrip("\\")) - start
    return len(text) - 1 if slashes % 2 else len(text)


class JsonCallReader:
    """Reads the objects of calls.

    Args:
        reader: where the text comes from.
        keys: the keys of a call.
        begin: called with the function's name and the call's id, before its arguments.
        sink: gets the arguments.
    """

    def __init__(
        self, reader: TextReader, keys: JsonKeys, begin: Callable[[str, str], None], sink: Callable[[str], None]
    ) -> None:
        self._reader = reader
        self._keys = keys
        self._begin = begin
        self._sink = sink
        self._name = ""
        self._id = ""
        self._kept: str | None = None
        self._begun = False

    def call(self) -> Reading:
        """Read the object of one call; False if it is none."""
        self._name, self._id, self._kept, self._begun = "", "", None, False
        complete = yield from self._object(self._keys.inside)
        if not self._begun and self._name and complete:
            self._start(self._kept or "{}")
        return self._begun

    def _object(self, inside: str) -> Reading:
        reader = self._reader
        if not (yield from reader.skip_space()) or reader.text[reader.at] != "{":
            return False
        reader.at += 1
        while (yield from reader.skip_space()):
            character = reader.text[reader.at]
            if character in "},":
                reader.at += 1
                if character == "}":
                    return True
                continue
            key = list[str]()
            if character != '"' or not (yield from read_json(reader, key.append)):
                return False
            if not (yield from reader.skip_space()) or reader.text[reader.at] != ":":
                return False
            reader.at += 1
            if not (yield from self._member(str(_loaded("".join(key))), inside)):
                return False
        return False

    def _member(self, key: str, inside: str) -> Reading:
        if self._keys.name_is_key:
            self._name = key
            return (yield from self._arguments())
        if inside and key == inside:
            return (yield from self._object(""))
        if key in (self._keys.arguments, "arguments", "parameters") and not self._begun:
            return (yield from self._arguments())
        value = list[str]()
        if not (yield from read_json(self._reader, value.append)):
            return False
        if key in (self._keys.name, "name") and not self._name:
            self._name = str(_loaded("".join(value)))
        elif key == self._keys.id:
            self._id = str(_loaded("".join(value)))
        return True

    def _arguments(self) -> Reading:
        reader = self._reader
        if not (yield from reader.skip_space()):
            return False
        if self._name and reader.text[reader.at] == "{":
            self._start("")
            return (yield from read_json(reader, self._sink))
        value = list[str]()
        if not (yield from read_json(reader, value.append)):
            return False
        text = "".join(value)
        loaded = _loaded(text)
        self._kept = loaded if isinstance(loaded, str) and loaded.strip() else "{}" if loaded in ("", None) else text
        if self._name:
            self._start(self._kept)
        return True

    def _start(self, arguments: str) -> None:
        self._begin(self._name, self._id)
        self._begun = True
        if arguments:
            self._sink(arguments)


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
