"""Reads text that arrives in pieces, by generators that stop where they need more."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

Reading = Generator[None, None, bool]
"""A step of reading. It yields whenever it needs more text, and tells whether it found what it looked for."""

TAG = re.compile(r"<[^<>\s][^<>]*>|\[/?[A-Z_]+\]|\[\|[^\[\]|]+\|\]")
"""What models set off as one piece: ``<tag>``, ``[TAG]`` and ``[|tag|]``."""

_HOLES = re.compile(r"(\{(?:id|key|type)\})")
_PIECES = re.compile(rf"({TAG.pattern}|\s+)")
_HOLE = re.compile(r"[\w.\-]*")
_SPACE = re.compile(r"\s*")
_EAGER, _PATIENCE = 4096, 64
"""A kept text of more characters than the first is looked at again once it has grown by one part in so many."""


class Partial:
    """The text so far may be the beginning of what was looked for."""


PARTIAL: Final = Partial()


@dataclass(frozen=True, slots=True)
class Found:
    """Where a marker ends in the text, and what stood in its holes."""

    end: int
    holes: dict[str, str] = field(default_factory=dict)


class Marker:
    """A text with free white space between its tags, and holes for ids, keys and types.

    Args:
        text: the marker. White space at its ends does not count, unless it is nothing else.
        key: what ``{key}`` stands for, if it is known.
        odd_keys: what it may stand for otherwise, beside letters, digits, ``_``, ``.`` and ``-``.
    """

    def __init__(self, text: str, key: str | None = None, odd_keys: Sequence[str] = ()) -> None:
        text = text.strip() or text
        self._odd_keys = sorted(odd_keys, key=len, reverse=True)
        if key is not None:
            text = text.replace("{key}", key)
        self.text = text
        self._pieces = [piece for part in _HOLES.split(text) for piece in _pieces_of(part) if piece]
        tags = [bool(TAG.fullmatch(piece)) for piece in self._pieces]
        self._free = [bool(i) and (tags[i] or tags[i - 1]) for i in range(len(tags))]

    def match(self, text: str, at: int) -> Found | Partial | None:
        """Compare the marker with the text from ``at`` on."""
        holes = dict[str, str]()
        for piece, free in zip(self._pieces, self._free, strict=True):
            if free or (piece.isspace() and len(self._pieces) > 1):
                at = _after_space(text, at)
                if piece.isspace():
                    continue
            if at == len(text):
                return PARTIAL
            if piece in ("{id}", "{key}", "{type}"):
                end = self._hole_end(text, at, piece)
                if end == len(text):
                    return PARTIAL
                holes[piece[1:-1]], at = text[at:end], end
            elif text.startswith(piece, at):
                at += len(piece)
            else:
                return PARTIAL if len(text) - at < len(piece) and piece.startswith(text[at:]) else None
        return Found(at, holes)

    def _hole_end(self, text: str, at: int, hole: str) -> int:
        """Where that which stands in a hole ends: at the text's end if more may follow."""
        if hole == "{key}":
            for key in self._odd_keys:
                if text.startswith(key, at):
                    return at + len(key)
                if len(text) - at < len(key) and key.startswith(text[at:]):
                    return len(text)
        found = _HOLE.match(text, at)
        assert found is not None  # it matches the empty text too
        return found.end()

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def first(self) -> str:
        """The character with which it begins."""
        return self.text[0]


def _pieces_of(part: str) -> list[str]:
    return [part] if _HOLES.fullmatch(part) else _PIECES.split(part)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at


@lru_cache(maxsize=1024)
def _one_of(characters: frozenset[str]) -> re.Pattern[str]:
    """Finds one of these characters."""
    return re.compile(f"[{re.escape(''.join(sorted(characters)))}]" if characters else r"(?!)")


@dataclass(frozen=True, slots=True)
class Hit:
    """A marker in the text: its place among those that were looked for, and where it stood."""

    index: int
    start: int
    end: int
    holes: dict[str, str]


class TextReader:
    """The text of an answer, from what has not been read for good on.

    Places in it are good until more text comes, and those behind :meth:`pin` until :meth:`unpin`. What was read before
    is dropped, so that long answers take linear time. For that reason too, much text in which nothing was found is only
    looked at again when there is notably more of it.

    Attributes:
        text: the text.
        at: how far it has been read.
        ended: no more text will come.
        hit: the last marker that was found.
    """

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.ended = False
        self.hit: Hit | None = None
        self._pins = 0
        self._coming = list[str]()
        self._coming_length = 0

    def add(self, text: str) -> bool:
        """More text has come. Tells whether it is worth reading on."""
        self._coming.append(text)
        self._coming_length += len(text)
        kept = len(self.text) - (0 if self._pins else self.at)
        if kept > _EAGER and self._coming_length * _PATIENCE < kept:
            return False
        self._take()
        return True

    def end(self) -> None:
        """No more text will come."""
        self.ended = True
        self._take()

    @property
    def unread(self) -> bool:
        """Whether there is text that has not been read."""
        return self.at < len(self.text) or bool(self._coming)

    @property
    def found(self) -> str:
        """The text of the last hit. It can be asked for until more text comes."""
        return self.text[self.hit.start : self.hit.end] if self.hit is not None else ""

    def _take(self) -> None:
        if not self._pins:
            self._coming.insert(0, self.text[self.at :])
            self.at = 0
        else:
            self._coming.insert(0, self.text)
        self.text = "".join(self._coming)
        self._coming.clear()
        self._coming_length = 0

    def pin(self) -> None:
        """Keep the text from here on, since reading may come back."""
        self._pins += 1

    def unpin(self) -> None:
        """What one :meth:`pin` kept is no longer needed."""
        self._pins -= 1

    def skip_space(self) -> Reading:
        """Go to the next character that is not white space; False if the text ends before."""
        while True:
            self.at = _after_space(self.text, self.at)
            if self.at < len(self.text):
                return True
            if self.ended:
                return False
            yield

    def accept(self, markers: Sequence[Marker], spaced: bool = True) -> Reading:
        """Read one of the markers, the first that fits, if it is next. :attr:`hit` tells which.

        ``spaced``: white space before it is read too.
        """
        while True:
            start = _after_space(self.text, self.at) if spaced else self.at
            waits = start == len(self.text)
            for index, marker in enumerate(markers):
                found = marker.match(self.text, start) if marker else None
                if isinstance(found, Found):
                    self.hit, self.at = Hit(index, start, found.end, found.holes), found.end
                    return True
                if found is PARTIAL and not self.ended:
                    waits = True
                    break  # an earlier marker comes before a later one that fits already
            if self.ended or not waits:
                return False
            yield

    def read_until(self, markers: Sequence[Marker], sink: Callable[[str], None]) -> Reading:
        """Give the text to ``sink`` up to the first marker, and read that too; False if the text ends before.

        :attr:`hit` tells which marker it was.
        """
        by_first = dict[str, list[tuple[int, Marker]]]()
        for index, marker in enumerate(markers):
            if marker:
                by_first.setdefault(marker.first, []).append((index, marker))
        firsts = _one_of(frozenset(by_first))
        while True:
            place, hit = self._search(by_first, firsts)
            if place > self.at:
                sink(self.text[self.at : place])
                self.at = place
            if hit is not None:
                self.hit, self.at = hit, hit.end
                return True
            if self.ended:
                return False
            yield

    def _search(
        self, by_first: Mapping[str, list[tuple[int, Marker]]], firsts: re.Pattern[str]
    ) -> tuple[int, Hit | None]:
        """Where the first marker is, or where one may be beginning, or the text's end."""
        for first in firsts.finditer(self.text, self.at):
            at = first.start()
            for index, marker in by_first[first.group()]:
                found = marker.match(self.text, at)
                if isinstance(found, Found):
                    return at, Hit(index, at, found.end, found.holes)
                if found is PARTIAL and not self.ended:
                    return at, None
        return len(self.text), None

    def read_pattern(self, pattern: re.Pattern[str]) -> Reading:
        """Read what the pattern matches, to its end; False if it does not match. :attr:`found` has it."""
        while True:
            match = pattern.match(self.text, self.at)
            if self.at == len(self.text) and not self.ended:
                yield
            elif match is None or match.end() < len(self.text) or self.ended:
                if match is None or match.end() == match.start():
                    return False
                self.hit, self.at = Hit(0, match.start(), match.end(), {}), match.end()
                return True
            else:
                yield
