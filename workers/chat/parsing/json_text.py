"""Reads JSON values as models write them, and passes them on as JSON that can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from workers.chat.parsing.literals import PYTHON, LiteralReader
from workers.chat.parsing.reader import Reading, TextReader

_STRUCTURE = re.compile(r'[\[\]{}"]|[^\s\w:,.+\-]')
_STRING_END = re.compile(r'["\\\x00-\x1f]')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_ESCAPABLE = frozenset('"\\/bfnrtu')
_CLOSING = {"{": "}", "[": "]"}


def read_json(reader: TextReader, sink: Callable[[str], None]) -> Reading:
    """Give one value to ``sink`` as it comes; False if there is none, or it breaks off.

    Line breaks and backslashes that JSON does not allow within strings are escaped, and strings may stand in single
    quotes, as they do in Python.
    """
    if not (yield from reader.skip_space()):
        return False
    character = reader.text[reader.at]
    if character == "'" or (character in "{[" and (yield from _is_quoted_otherwise(reader))):
        return (yield from LiteralReader(reader, PYTHON, sink).value())
    if character in '{["':
        return (yield from _read_structure(reader, sink))
    found = yield from reader.read_pattern(_WORD)
    sink(reader.found if found else "")
    return found


def _is_quoted_otherwise(reader: TextReader) -> Reading:
    """Whether the first string in an object or array that comes next stands in single quotes. Nothing is read."""
    reader.pin()
    start = reader.at
    reader.at += 1
    found = (yield from reader.skip_space()) and reader.text[reader.at] == "'"
    reader.at = start
    reader.unpin()
    return found


def _read_structure(reader: TextReader, sink: Callable[[str], None]) -> Reading:
    """Read an object, array or string, up to what can be none of it."""
    depth, in_string = 0, False
    while True:
        start = reader.at
        while match := (_STRING_END if in_string else _STRUCTURE).search(reader.text, reader.at):
            character, reader.at = match.group(), match.end()
            if in_string and character != '"':
                place = match.start()
                if character == "\\":
                    if reader.at == len(reader.text) and not reader.ended:
                        reader.at = place
                        break
                    escaped = reader.text[reader.at : reader.at + 1]
                    reader.at += len(escaped)
                    if escaped and escaped in _ESCAPABLE:
                        continue
                    mended = "'" if escaped == "'" else json.dumps("\\" + escaped, ensure_ascii=False)[1:-1]
                else:
                    mended = json.dumps(character)[1:-1]
                sink(reader.text[start:place] + mended)
                start = reader.at
            elif character == '"':
                in_string = not in_string
            elif character in "[{":
                depth += 1
            elif character in "]}":
                depth -= 1
            else:
                reader.at = match.start()
                sink(reader.text[start : reader.at])
                return False
            if depth <= 0 and not in_string and character in '"]}':
                sink(reader.text[start : reader.at])
                return True
        else:
            reader.at = len(reader.text)
        sink(reader.text[start : reader.at])
        if reader.ended:
            return False
        yield


def closing(text: str) -> str:
    """What completes the beginning of a JSON value that breaks off."""
    bare = _STRING.sub('""', text)
    ends = ""
    if bare.count('"') % 2:
        bare = bare[: bare.rindex('"')] + '""'
        ends = '"'
        if len(text) - len(text.rstrip("\\")) & 1:
            ends = '\\"'
    opened = list[str]()
    for match in _BRACKET.finditer(bare):
        if match.group() in "[{":
            opened.append(match.group())
        elif opened:
            opened.pop()
    bare = bare.rstrip()
    if opened and opened[-1] == "{":
        if bare.endswith('""') and bare[:-2].rstrip().endswith(("{", ",")):
            ends += ": null"
        elif bare.endswith(","):
            ends += '"": null'
    if bare.endswith(":") or (opened and opened[-1] == "[" and bare.endswith(",")):
        ends += " null"
    return ends + "".join(_CLOSING[bracket] for bracket in reversed(opened))
