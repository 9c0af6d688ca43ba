"""Reads arguments that stand between tags, and writes them as a JSON object while they come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Sequence
from typing import Any

from workers.chat.formats.chat_format import ParameterFormat
from workers.chat.parsing.literals import json_text
from workers.chat.parsing.reader import Marker, Reading, TextReader
from workers.chat.parsing.schema_types import branches, json_value, property_names, types_of

_KEY = re.compile(r"[^\s<>\"'=]+")
_PLAIN_KEY = re.compile(r"[\w.\-]+")
_CDATA_BEGIN, _CDATA_END = "<![CDATA[", "]]>"
MAX_NESTING = 32


class TaggedArguments:
    """Reads the arguments of one call.

    Args:
        reader: where the text comes from.
        parameter: how an argument is written.
        ends: what may stand behind the last argument.
        schema: the function's parameters.
        sink: gets the JSON text.
    """

    def __init__(
        self,
        reader: TextReader,
        parameter: ParameterFormat,
        ends: Sequence[Marker],
        schema: dict[str, Any],
        sink: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._parameter = parameter
        odd_keys = sorted(key for key in property_names(schema) if key and not _PLAIN_KEY.fullmatch(key))
        self._before = Marker(parameter.before.strip(), odd_keys=odd_keys)
        self._odd_key = Marker("{key}" + parameter.middle.strip() if odd_keys else "", odd_keys=odd_keys)
        self._separator = Marker(parameter.separator.strip())
        self._middle = Marker(parameter.middle.strip())
        self._ends = list(ends)
        self._root = schema
        self._sink = sink

    def read(self) -> Reading:
        """Read all arguments; False if there was something else in their place."""
        sound = yield from self._members(self._root, 0)
        return sound

    def _members(self, schema: Any, depth: int) -> Reading:
        reader = self._reader
        self._sink("{")
        first = True
        while True:
            yield from reader.accept([self._separator])
            key = yield from self._next_key()
            if not key:
                break
            self._sink(("" if first else ", ") + json.dumps(key, ensure_ascii=False) + ": ")
            first = False
            if not (yield from self._value(key, self._property(schema, key), depth)):
                return False
        self._sink("}")
        return True

    def _next_key(self) -> Generator[None, None, str]:
        """Read up to the value of the next argument; its key, or nothing if there is none."""
        reader = self._reader
        reader.pin()
        start, key = reader.at, ""
        if self._before and (yield from reader.accept([self._before])):
            key = yield from self._key_and_middle()
        if not key:
            reader.at = start
        reader.unpin()
        return key

    def _key_and_middle(self) -> Generator[None, None, str]:
        """Read on from the beginning of an argument to its value; its key, or nothing if that is not how it goes on."""
        reader = self._reader
        assert reader.hit is not None
        key = reader.hit.holes.get("key", "")
        if not key:
            begin = reader.at
            if self._odd_key and (yield from reader.accept([self._odd_key])) and reader.hit.holes["key"]:
                return reader.hit.holes["key"]
            reader.at = begin
            key = reader.found if (yield from reader.read_pattern(_KEY)) else ""
        if self._middle and not (yield from reader.accept([self._middle])):
            return ""
        return key

    def _property(self, schema: Any, key: str) -> Any:
        for branch in branches(schema, self._root):
            if isinstance(branch.get("properties"), dict) and key in branch["properties"]:
                return branch["properties"][key]
        for branch in branches(schema, self._root):
            if isinstance(branch.get("additionalProperties"), dict):
                return branch["additionalProperties"]
        return {}

    def _value(self, key: str, schema: Any, depth: int) -> Reading:
        hit = self._reader.hit
        types = types_of(schema, self._root)
        kind = hit.holes.get("type") if hit is not None else None
        if kind is not None and self._parameter.types:
            told = {name for name, word in self._parameter.types.items() if word == kind}
            types = types & told or types  # the schema knows better than the model
        if self._parameter.nested and depth < MAX_NESTING and types - {"string"}:
            nested = yield from self._nested(key, schema, types, depth)
            if nested is not None:
                return nested
        return (yield from self._text(key, types))

    def _text(self, key: str, types: frozenset[str]) -> Reading:
        """Read a value that stands there as text or as JSON."""
        after = Marker(self._parameter.after, key)
        value = _ValueText(self._parameter)
        streams = types == {"string"}
        if streams:
            self._sink('"')

        def take(text: str) -> None:
            shown = value.add(text)
            if streams:
                self._sink(json_text(shown))

        while (yield from self._reader.read_until([after], take)):
            after_text = self._reader.found
            if (yield from self._argument_ends()):
                rest = value.end()
                self._sink(json_text(rest) + '"' if streams else json_value(value.text, types))
                return True
            take(after_text)
        rest = value.end()
        self._sink(json_text(rest) if streams else f'"{json_text(value.text)}')
        return False

    def _argument_ends(self) -> Reading:
        """Whether another argument or the call's end comes next. Nothing is read."""
        reader = self._reader
        reader.pin()
        start = reader.at
        following = [m for m in (self._separator, self._before, *self._ends) if m]
        ends = not following or (yield from reader.accept(following))
        ends = ends or not (yield from reader.skip_space())
        reader.at = start
        reader.unpin()
        return ends

    def _nested(self, key: str, schema: Any, types: frozenset[str], depth: int) -> Generator[None, None, bool | None]:
        """Read an object or array whose members are tags too; None if there is text."""
        reader = self._reader
        reader.pin()
        start = reader.at
        found = yield from reader.accept([self._before])
        reader.at = start
        reader.unpin()
        if not found:
            return None
        assert reader.hit is not None
        name = reader.hit.holes.get("key", "")
        closing = Marker(self._parameter.after, key)
        self._ends.append(closing)
        if name == self._parameter.item and "array" in types:
            sound = yield from self._array(schema, depth)
        else:
            sound = yield from self._members(schema, depth + 1)
        self._ends.pop()
        return sound and (yield from reader.accept([closing]))

    def _array(self, schema: Any, depth: int) -> Reading:
        items: Any = next((b["items"] for b in branches(schema, self._root) if isinstance(b.get("items"), dict)), {})
        self._sink("[")
        first = True
        while (yield from self._next_key()):
            self._sink("" if first else ", ")
            first = False
            if not (yield from self._value(self._parameter.item, items, depth + 1)):
                return False
        self._sink("]")
        return True


class _ValueText:
    """The text of one value, without the white space and the CDATA markers that the format puts around it."""

    def __init__(self, parameter: ParameterFormat) -> None:
        middle, after = parameter.middle, parameter.after
        self._leads = [middle[len(middle.rstrip()) :], *([_CDATA_BEGIN] if parameter.cdata else [])]
        self._trail = after[: len(after) - len(after.lstrip())]
        self._cdata = False
        self._pending = list[str]()
        self._taken = list[str]()

    @property
    def text(self) -> str:
        """All that surely belongs to the value so far."""
        return "".join(self._taken)

    def add(self, text: str) -> str:
        """More of it has come; returns what surely belongs to the value."""
        self._pending.append(text)
        if not self._leads and not self._cdata and self._trail and text.isspace():
            return ""
        pending = self._take_pending()
        while self._leads:
            lead = self._leads[0]
            if len(pending) < len(lead) and lead.startswith(pending):
                self._pending.append(pending)
                return ""
            self._cdata = lead == _CDATA_BEGIN and pending.startswith(lead)
            pending = pending.removeprefix(lead)
            del self._leads[0]
        sure = len(pending) - self._held(pending)
        self._pending.append(pending[sure:])
        return self._take(pending[:sure])

    def _held(self, pending: str) -> int:
        """How much at the end may not belong to the value."""
        if self._cdata:
            return min(len(self._trail) + len(_CDATA_END), len(pending))
        return len(pending) - len(pending.rstrip()) if self._trail else 0

    def _take_pending(self) -> str:
        pending = "".join(self._pending)
        self._pending.clear()
        return pending

    def _take(self, text: str) -> str:
        self._taken.append(text)
        return text

    def end(self) -> str:
        """The value has ended; returns the rest of it."""
        pending = self._take_pending()
        rest = "" if self._leads and pending and self._leads[0].startswith(pending) else pending
        rest = rest.removesuffix(self._trail) if self._trail else rest
        if self._cdata:
            rest = rest.rstrip().removesuffix(_CDATA_END)
        return self._take(rest)
