"""Reads calls that are JSON objects."""

from __future__ import annotations

import json
from collections.abc import Callable

from workers.chat.formats.chat_format import JsonKeys
from workers.chat.parsing.json_text import read_json
from workers.chat.parsing.reader import Reading, TextReader


class JsonCallReader:
    """Reads the objects of calls.

    Args:
        reader: where the text comes from.
        keys: the keys of a call.
        begin: called with the function's name and the call's id, before its arguments. It tells whether there is such
            a function.
        sink: gets the arguments.
    """

    def __init__(
        self, reader: TextReader, keys: JsonKeys, begin: Callable[[str, str], bool], sink: Callable[[str], None]
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
        """Read the object of one call; False if it is none, or breaks off."""
        self._name, self._id, self._kept, self._begun = "", "", None, False
        if not (yield from self._object(self._keys.inside)):
            return False
        return self._begun or (bool(self._name) and self._start(self._kept or "{}"))

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
            if character not in "\"'" or not (yield from read_json(reader, key.append)):
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
            return self._start("") and (yield from read_json(reader, self._sink))
        value = list[str]()
        if not (yield from read_json(reader, value.append)):
            return False
        text = "".join(value)
        loaded = _loaded(text)
        if isinstance(loaded, str) and loaded.strip():
            text = loaded.strip()
            loaded = _loaded(text)
        self._kept = "{}" if loaded in ("", None, []) else text
        if not text.startswith("{") and self._kept != "{}":
            return False
        return not self._name or self._start(self._kept)

    def _start(self, arguments: str) -> bool:
        if not self._begin(self._name, self._id):
            return False
        self._begun = True
        if arguments:
            self._sink(arguments)
        return True


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
