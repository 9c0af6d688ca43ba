"""Splits an answer into thoughts, words and calls while it is generated."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workers.chat.formats.chat_format import ChatFormat, Pair
from workers.chat.parsing.calls import CallReader
from workers.chat.parsing.parts import AnswerPart, CallBegin, KeptThought, Thought, Trimmer, Words
from workers.chat.parsing.reader import Hit, Marker, Reading, TextReader
from workers.chat.parsing.recipients import RecipientReader

_OWN_MARKERS = re.compile(r"<\||\|>|\[[A-Z_]+\]")
"""Markers that only a model's own tokens make, so that they are no text wherever they stand."""

_ANY_THOUGHT = Pair("<think>", "</think>")
"""How models think whose templates do not tell that they do."""


class AnswerParser:
    """Reads one answer. What cannot be read as anything else is words, and nothing is lost.

    Args:
        chat_format: how the model writes.
        schemas: the parameters of each function that may be called, by name; empty if none may.
        opened: whether the prompt ended within a thought.
        keep_thoughts: leave thoughts, with their markers, in the text.
        fenced: the words are JSON, which may stand in a fence of Markdown; it is left out.
    """

    def __init__(
        self,
        chat_format: ChatFormat,
        schemas: Mapping[str, dict[str, Any]],
        opened: bool = False,
        keep_thoughts: bool = False,
        fenced: bool = False,
    ) -> None:
        self._format = chat_format
        self._opened = opened and chat_format.thought is not None
        self._keep_thoughts = keep_thoughts
        self._reader = TextReader()
        self._parts: list[AnswerPart] = []
        self._calls: CallReader | None = None
        if schemas and chat_format.calls is not None:
            self._calls = CallReader(self._reader, chat_format.calls, schemas, self._parts.append)
        thought = chat_format.thought or (None if chat_format.parts else _ANY_THOUGHT)
        self._thought_begin = Marker(thought.begin.strip() if thought else "")
        self._thought_end = Marker(thought.end.strip() if thought else "")
        self._words_begin = Marker(chat_format.words.begin)
        self._words_end = Marker(chat_format.words.end)
        self._turn_end = Marker(chat_format.turn_end.strip())
        self._fences = [Marker("```json"), Marker("```")] if fenced else []
        own = thought is not None and _OWN_MARKERS.search(thought.begin) is not None
        self._later_thoughts = [self._thought_begin, self._thought_end] if own else []
        self._words: Trimmer | None = None
        self._said, self._gap = False, ""
        self._thinking = self._opened and bool(self._thought_end)
        self._recipients: RecipientReader | None = None
        if chat_format.parts is not None:
            self._recipients = RecipientReader(self._reader, chat_format, schemas, keep_thoughts, self._parts.append)
        self._reading = self._recipients.answer() if self._recipients is not None else self._answer()
        self._ended = False
        self._known = ""

    @property
    def thinking(self) -> bool:
        """Whether what has been fed so far ends within a thought."""
        return self._recipients.thinking if self._recipients is not None else self._thinking

    @property
    def holds_text(self) -> bool:
        """Whether the last of what has been fed may be a part of a marker, which nobody has been told yet."""
        return self._reader.unread

    def begin(self, text: str) -> None:
        """The answer begins with this text, which is known already: none of it is told."""
        told = "".join(part.text for part in self.feed(text) if not isinstance(part, CallBegin))
        space = text[len(text.rstrip()) :]
        self._known = "" if told.endswith(space) else space  # it was held back, as it may be the end

    def feed(self, text: str) -> list[AnswerPart]:
        """More of the answer; returns what was found in it."""
        return self._go_on() if not self._ended and self._reader.add(text) else []

    def finish(self) -> list[AnswerPart]:
        """The answer has ended; returns the rest."""
        self._reader.end()
        return self._go_on()

    def _go_on(self) -> list[AnswerPart]:
        if not self._ended:
            try:
                next(self._reading)
            except StopIteration:
                self._ended = True
        parts, self._parts[:] = _joined(self._parts), []
        if parts and self._known:
            first, known, self._known = parts[0], self._known, ""
            if isinstance(first, Words | Thought) and first.text.startswith(known):
                parts[0] = replace(first, text=first.text.removeprefix(known))
        return parts

    def _answer(self) -> Reading:
        if self._opened and self._thought_end:
            assert self._format.thought is not None
            yield from self._thought(self._format.thought.begin, by_prompt=True)
        fresh = not self._opened or self._keep_thoughts
        while not (yield from self._next(fresh)):
            fresh = self._keep_thoughts and fresh
        return True

    def _next(self, fresh: bool) -> Reading:
        """Read a thought, calls or words; True at the end. ``fresh``: nothing was read before."""
        reader = self._reader
        calls = self._calls
        triggers = [] if calls is None else calls.later_triggers if self._said else calls.triggers
        markers = [*triggers, self._turn_end, self._thought_begin, self._thought_end, self._words_begin]
        reader.pin()
        start = reader.at
        found = yield from reader.accept(markers)
        if not found and (yield from reader.skip_space()) and (not fresh or self._words_begin):
            start = reader.at
        begun = reader.text[start : reader.at]
        reader.unpin()
        if not found:
            if reader.at == len(reader.text) and not fresh:
                return True
            reader.at = start
            return (yield from self._read_words(trims=not fresh))
        assert reader.hit is not None
        marker = markers[reader.hit.index]
        if marker is self._turn_end:
            reader.at = len(reader.text)
            return True
        if marker is self._thought_begin:
            yield from self._thought(begun, by_prompt=False)
        elif marker is self._thought_end:
            self._keep(begun)
        elif marker is self._words_begin:
            return (yield from self._read_words(trims=True))
        elif not (yield from self._read_calls(marker, begun)):
            return (yield from self._read_words(trims=False))
        return False

    def _read_words(self, trims: bool) -> Reading:
        """Read words up to calls, their own end or that of the turn; True at the end."""
        reader = self._reader
        triggers = self._calls.later_triggers if self._calls is not None else []
        markers = [*triggers, self._turn_end, self._words_end, *self._later_thoughts, *self._fences]
        self._words = Trimmer(leading=trims or bool(self._fences))
        self._gap = "\n" if trims and self._said else ""
        yield from reader.accept(self._fences)
        while True:
            if not (yield from reader.read_until(markers, self._say)):
                self._say_held()
                return True
            assert reader.hit is not None
            marker = markers[reader.hit.index]
            if marker is self._turn_end:
                return True
            if marker is self._words_end or marker in self._fences:
                self._words = None
                return False
            if marker is self._thought_begin:
                if self._keep_thoughts:
                    self._say_held()
                reader.at, self._words = reader.hit.start, None
                return False
            if marker is self._thought_end:
                self._keep(reader.found)
                continue
            if (yield from self._read_calls(marker, reader.found)):
                self._words = None
                return False

    def _read_calls(self, marker: Marker, begun: str) -> Reading:
        """Read calls behind their marker, of which this text was read; False if there are none: then it is words."""
        reader = self._reader
        assert reader.hit is not None
        assert self._calls is not None
        end = reader.hit.end
        found = yield from self._calls.calls(marker)
        if not found:
            reader.at = end
            self._say(begun)
        return found

    def _thought(self, begun: str, by_prompt: bool) -> Reading:
        """Read a thought that began with this text, in the answer or in its prompt."""
        self._thinking = True
        ended = yield from self._read_thought(begun, by_prompt)
        self._thinking = not ended
        return ended

    def _read_thought(self, begun: str, by_prompt: bool) -> Reading:
        """Read a thought to its end; False if there is none.

        A call within it is part of it, unless the thought never ends.
        """
        reader = self._reader
        triggers = self._calls.own_triggers if self._calls is not None else []
        markers = [self._thought_end, self._words_begin, *triggers]
        trimmer, unsaid, ends = Trimmer(leading=True), [begun] if by_prompt else [], False
        if not by_prompt:
            self._keep(begun)

        def think(text: str) -> None:
            if self._keep_thoughts:
                self._keep((unsaid.pop() if unsaid else "") + text)
            elif shown := trimmer.pass_on(text):
                self._parts.append(Thought(shown))

        while (yield from reader.read_until(markers, think)):
            assert reader.hit is not None
            marker = markers[reader.hit.index]
            if marker is self._thought_end:
                if self._keep_thoughts:
                    think(reader.found)
                return True
            if marker is self._words_begin:
                reader.at = reader.hit.start
                return True
            ends = ends or (yield from self._ends_later(reader.hit))
            if not ends:
                return True
            think(reader.found)
            reader.at = reader.hit.end
        return False

    def _ends_later(self, call: Hit) -> Reading:
        """Whether the thought's end comes behind what may be a call. It waits until it comes, or the answer ends.

        Then the call's marker is the last hit again; it is read if the end comes.
        """
        reader = self._reader
        reader.pin()
        ends = yield from reader.read_until([self._thought_end], lambda _: None)
        reader.unpin()
        reader.hit, reader.at = call, call.end if ends else call.start
        return ends

    def _keep(self, text: str) -> None:
        """Leave a piece of a thought in the text, if thoughts are left there."""
        if not self._keep_thoughts or not text:
            return
        if self._words is not None:
            self._say_held()
        self._parts.append(KeptThought(text))

    def _say(self, text: str) -> None:
        shown = self._words.pass_on(text) if self._words is not None else text
        if shown:
            self._parts.append(Words(self._gap + shown))
            self._gap, self._said = "", True

    def _say_held(self) -> None:
        if self._words is not None and (held := self._words.take_held()):
            self._parts.append(Words(held))


def _joined(parts: list[AnswerPart]) -> list[AnswerPart]:
    """The parts, with neighbours of one kind as one."""
    joined = list[AnswerPart]()
    for kind, group in itertools.groupby(parts, type):
        if kind is CallBegin:
            joined += group
        else:
            joined.append(kind("".join(part.text for part in group if not isinstance(part, CallBegin))))
    return joined
