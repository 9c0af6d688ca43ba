"""What the users of keys have used, by day and model, in the key file."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from router.keys.database import connect, writing

NO_KEY = ""
"""Stands for all requests without a key of their own."""


class UsageOf(NamedTuple):
    """What is counted by itself: a day (UTC), a key's name and a model."""

    day: datetime.date
    key: str
    model: str


class GroupBy(StrEnum):
    """What else than the key the sums are told apart by."""

    KEY = "key"
    MODEL = "model"
    DAY = "day"


@dataclass(slots=True)
class Usage:
    """Accepted requests and what they took. ``prompt_tokens`` has the ``cached_tokens`` in it."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    images: int = 0
    audio_s: float = 0.0

    def add(self, other: Usage) -> None:
        """Count ``other`` in."""
        self.requests += other.requests
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.completion_tokens += other.completion_tokens
        self.images += other.images
        self.audio_s += other.audio_s


class UsageRow(NamedTuple):
    """A sum, and what it is of; ``day`` and ``model`` are None where they are not told apart."""

    key: str
    day: datetime.date | None
    model: str | None
    usage: Usage


_SUMS = "sum(requests), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens), sum(images), sum(audio_s)"
_ADD = """
INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    cached_tokens = cached_tokens + excluded.cached_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    images = images + excluded.images,
    audio_s = audio_s + excluded.audio_s
"""


class UsageStore:
    """The sums in a key file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """The sums in the file at ``path``, which is made if it is not there; without one, in memory.

        Raises:
            KeyFileError: it cannot be used.
        """
        return cls(connect(path))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, used: Mapping[UsageOf, Usage]) -> None:
        """Count all of ``used`` in, or nothing of it.

        Raises:
            sqlite3.Error: it cannot be written.
        """
        rows = [(of.day.isoformat(), of.key, of.model, *astuple(usage)) for of, usage in used.items()]
        with writing(self._database):
            self._database.executemany(_ADD, rows)

    def sums(
        self,
        by: GroupBy = GroupBy.KEY,
        key: str | None = None,
        since: datetime.date | None = None,
        until: datetime.date | None = None,
    ) -> list[UsageRow]:
        """The sums per key and ``by``, from the day ``since`` to the day ``until``, both included.

        With ``key`` only that key's; :data:`NO_KEY` is that of all requests without one.

        Raises:
            sqlite3.Error: it cannot be read.
        """
        group = "key" if by is GroupBy.KEY else f"key, {by.value}"
        day = "day" if by is GroupBy.DAY else "NULL"
        model = "model" if by is GroupBy.MODEL else "NULL"
        rows = self._database.execute(
            f"SELECT key, {day}, {model}, {_SUMS} FROM usage "
            "WHERE (? IS NULL OR key = ?) AND day BETWEEN ? AND ? "
            f"GROUP BY {group} ORDER BY {group}",
            (key, key, since.isoformat() if since else "", until.isoformat() if until else "9999-12-31"),
        )
        return [
            UsageRow(name, day and datetime.date.fromisoformat(day), model, Usage(*sums))
            for name, day, model, *sums in rows
        ]
