"""Reads answers in parts, each with a header that says whom it is for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from workers.chat.formats.chat_format import ChatFormat, PartsFormat, Recipients
from workers.chat.parsing.calls import CallReader
from workers.chat.parsing.json_text import closing, read_json
from workers.chat.parsing.parts import AnswerPart, Arguments, CallBegin, KeptThought, Thought, Words
from workers.chat.parsing.reader import Marker, Reading, TextReader

_TO = re.compile(r"\bto=([^\s<]+)")
_HEADER = re.compile(r"\s*(?:<\||to=)")
MAX_HEADER = 256
"""More characters than this without a message are no header, but words."""
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")


class RecipientReader:
    """Reads one answer.

    Args:
        reader: where the text comes from.
        chat_format: how the model writes.
        schemas: the parameters of each function, by name.
        keep_thoughts: leave thoughts, with their headers, in the text.
        emit: gets what is found.

    Attributes:
        thinking: what has been read so far ends within a thought.
    """

    def __init__(
        self,
        reader: TextReader,
        chat_format: ChatFormat,
        schemas: Mapping[str, dict[str, Any]],
        keep_thoughts: bool,
        emit: Callable[[AnswerPart], None],
    ) -> None:
        assert chat_format.parts is not None
        self._reader = reader
        self._format: PartsFormat = chat_format.parts
        self._schemas = schemas
        self._keep_thoughts = keep_thoughts
        self._emit = emit
        self.thinking = False
        self._begin = Marker(self._format.begin)
        self._message = Marker(self._format.message)
        self._ends = [self._begin, *(Marker(end) for end in self._format.ends)]
        self._calls = CallReader(reader, chat_format.calls, schemas, emit) if chat_format.calls else None

    def answer(self) -> Reading:
        """Read all parts."""
        reader, goes_on = self._reader, True
        yield from reader.accept([self._begin])
        while goes_on:
            header = _Header(self._emit)
            goes_on = yield from reader.read_until([self._message, *self._ends], header.add)
            if not goes_on or (reader.hit is not None and reader.hit.index):
                header.end()
            elif header.is_words:
                goes_on = yield from self._body(Words)
            else:
                goes_on = yield from self._part(header.text)
        return True

    def _part(self, header: str) -> Reading:
        recipient, channel = self._addressed(header)
        name = recipient.removeprefix(self._format.prefix)
        if name in self._schemas and recipient not in self._format.words:
            return (yield from self._call(name))
        if channel in self._format.thoughts:
            return (yield from self._thought(header))
        return (yield from self._body(Words if channel in self._format.words else None))

    def _thought(self, header: str) -> Reading:
        """Read a thought with this header."""
        reader = self._reader
        self.thinking = True
        if self._keep_thoughts:
            self._emit(KeptThought(header + reader.found))
        found = yield from self._body(KeptThought if self._keep_thoughts else Thought)
        self.thinking = not found
        if self._keep_thoughts and found and reader.hit is not None and reader.hit.index:
            self._emit(KeptThought(reader.found))
        return found

    def _addressed(self, header: str) -> tuple[str, str]:
        """Whom a part is for, and its channel. A header without either is for the user."""
        if self._format.recipients is Recipients.NAME:
            return header.strip(), header.strip()
        to = _TO.search(header)
        recipient = to.group(1) if to is not None else ""
        if self._format.recipients is Recipients.TO:
            return recipient, recipient or self._format.words[0]
        channels = _CHANNEL.findall(header)
        channel = channels[-1] if channels else self._format.words[0]
        foreign = recipient and recipient not in ("assistant", "user") and recipient not in self._schemas
        return recipient, "" if foreign else channel

    def _call(self, name: str) -> Reading:
        reader = self._reader
        if self._calls is not None:
            triggers = self._calls.own_triggers
            found = yield from reader.accept(triggers)
            if found and reader.hit is not None:
                start = reader.hit.start
                found = yield from self._calls.calls(triggers[reader.hit.index])
                reader.at = reader.at if found else start
        else:
            found = (yield from reader.skip_space()) and reader.text[reader.at] == "{"
            if found:
                yield from self._arguments(name)
        return (yield from self._body(None if found else Words))

    def _arguments(self, name: str) -> Reading:
        written = list[str]()

        def write(text: str) -> None:
            written.append(text)
            self._emit(Arguments(text))

        self._emit(CallBegin(name))
        complete = yield from read_json(self._reader, write)
        if not complete and (yield from self._reader.skip_space()) and (ends := closing("".join(written))):
            self._emit(Arguments(ends))
        return complete

    def _body(self, kind: type[Thought] | type[KeptThought] | type[Words] | None) -> Reading:
        """Read to the end of a part."""
        return (yield from self._reader.read_until(self._ends, lambda text: self._emit(kind(text)) if kind else None))


class _Header:
    """What comes before a message, or words if no message comes."""

    def __init__(self, emit: Callable[[AnswerPart], None]) -> None:
        self._emit = emit
        self._texts = list[str]()
        self._length = 0
        self.is_words = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._texts)

    def add(self, text: str) -> None:
        """More of it has come."""
        self._texts.append(text)
        self._length += len(text)
        if self.is_words or self._length > MAX_HEADER:
            self._say()

    def end(self) -> None:
        """No message has come."""
        if self.is_words or not _HEADER.match(self.text):
            self._say()

    def _say(self) -> None:
        self.is_words = True
        if text := self.text:
            self._emit(Words(text))
        self._texts.clear()
