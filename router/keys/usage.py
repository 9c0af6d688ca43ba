"""Usage per key, day and model, in the key file."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from router.jobs.consumption import Consumption
from router.keys.database import KeyFile
from router.storage.database import write_transaction

NO_KEY = ""
"""Stands for the key name of requests without a named key."""


class UsageBucket(NamedTuple):
    """Usage is stored per day (UTC), key name and model."""

    day: datetime.date
    key: str
    model: str


class GroupBy(StrEnum):
    """Groups of sums: per key, or per key and model or day."""

    KEY = "key"
    MODEL = "model"
    DAY = "day"


@dataclass(slots=True)
class Usage:
    """Accepted requests and what they used. ``prompt_tokens`` includes ``cached_tokens``."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    images: int = 0
    audio_s: float = 0.0

    @classmethod
    def of(cls, consumed: Consumption) -> Usage:
        """What one request has used."""
        return cls(
            requests=1,
            prompt_tokens=consumed.prompt_tokens,
            cached_tokens=consumed.cached_tokens,
            completion_tokens=consumed.completion_tokens,
            images=consumed.images,
            audio_s=consumed.audio_s,
        )

    @property
    def tokens(self) -> int:
        """The tokens that limits of tokens count: of prompts, also where a cache held them, and generated ones."""
        return self.prompt_tokens + self.completion_tokens

    def add(self, other: Usage) -> None:
        """Add ``other`` to these sums."""
        self.requests += other.requests
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.completion_tokens += other.completion_tokens
        self.images += other.images
        self.audio_s += other.audio_s


class UsageRow(NamedTuple):
    """One sum; ``day`` and ``model`` are None unless sums are grouped by them."""

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
    """The usage table of a key file."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Open the key file at ``path``, or create it if missing; see :class:`KeyFile`.

        Raises:
            KeyFileError: the file cannot be used.
        """
        return cls(KeyFile(path))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, used: Mapping[UsageBucket, Usage]) -> None:
        """Add all of ``used`` in one transaction.

        Raises:
            KeyFileError: the file is gone.
            sqlite3.Error: the file cannot be written.
        """
        rows = [(day.isoformat(), key, model, *astuple(usage)) for (day, key, model), usage in used.items()]
        database = self._file.database()
        with write_transaction(database):
            database.executemany(_ADD, rows)
        self._file.flush()

    def tokens_on(self, day: datetime.date) -> dict[str, int]:
        """The tokens of each key on one day, as :attr:`Usage.tokens` counts them.

        Raises:
            KeyFileError: the file is gone.
            sqlite3.Error: the file cannot be read.
        """
        rows = self._file.database().execute(
            "SELECT key, sum(prompt_tokens + completion_tokens) FROM usage WHERE day = ? GROUP BY key",
            (day.isoformat(),),
        )
        return dict(rows.fetchall())

    def sums(
        self,
        by: GroupBy = GroupBy.KEY,
        key: str | None = None,
        since: datetime.date | None = None,
        until: datetime.date | None = None,
    ) -> list[UsageRow]:
        """The sums grouped ``by``, from the day ``since`` through the day ``until``, of one ``key`` or of all.

        Raises:
            KeyFileError: the file is gone.
            sqlite3.Error: the file cannot be read.
        """
        group = "key" if by is GroupBy.KEY else f"key, {by.value}"
        day = "day" if by is GroupBy.DAY else "NULL"
        model = "model" if by is GroupBy.MODEL else "NULL"
        rows = self._file.database().execute(
            f"SELECT key, {day}, {model}, {_SUMS} FROM usage "
            "WHERE (? IS NULL OR key = ?) AND day BETWEEN ? AND ? "
            f"GROUP BY {group} ORDER BY {group}",
            (key, key, since.isoformat() if since else "", until.isoformat() if until else "9999-12-31"),
        )
        return [
            UsageRow(name, day and datetime.date.fromisoformat(day), model, Usage(*sums))
            for name, day, model, *sums in rows
        ]
