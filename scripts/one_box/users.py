"""Users who ask several models, each in a mix of their own, and wait for every answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

from scripts.chaos.asking import Broken
from scripts.chaos.record import Record
from scripts.one_box.questions import Reply, Subject

RETRY_S = 0.25
GIVE_UP_S = 240.0
"""The longest that a user tries to get an answer, however good the excuses are."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Times in seconds: until streams began, and until all answers were complete, by model."""

    begun_s: dict[str, list[float]] = field(default_factory=dict)
    complete_s: dict[str, list[float]] = field(default_factory=dict)

    def note(self, model: str, begun_s: float | None, complete_s: float) -> None:
        """Add an answer. ``begun_s`` is None if it came whole."""
        if begun_s is not None:
            self.begun_s.setdefault(model, []).append(begun_s)
        self.complete_s.setdefault(model, []).append(complete_s)


class Excuses(Protocol):
    """Why a request may fail, so that it is sent again."""

    def of_refusal(self, model: str, reply: Reply, started_at_s: float) -> str:
        """Why this error may come; empty if it may not."""

    def of_break(self, started_at_s: float) -> str:
        """Why the connection may break; empty if it may not."""


class NoExcuses:
    """Nothing is harmed: every request is answered."""

    def of_refusal(self, model: str, reply: Reply, started_at_s: float) -> str:
        return ""

    def of_break(self, started_at_s: float) -> str:
        return ""


class User:
    """Asks until it is stopped; the last question is answered too.

    Args:
        number: the user's number; its address is ``127.0.0.10`` and so on, so that the server knows users apart.
        mix: the models with their weights.
    """

    def __init__(
        self,
        number: int,
        url: str,
        mix: Sequence[tuple[float, Subject]],
        record: Record,
        waits: Waits,
        excuses: Excuses,
        seed: str,
    ) -> None:
        self._address = f"127.0.0.{10 + number}"
        self._url = url
        self._mix = mix
        self._record = record
        self._waits = waits
        self._excuses = excuses
        self._random = random.Random(f"{seed}/{number}")

    async def run(self, stopping: asyncio.Event) -> None:
        """Ask one thing after the other."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True, local_addr=(self._address, 0))
        weights, subjects = zip(*self._mix, strict=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            while not stopping.is_set():
                subject: Subject = self._random.choices(subjects, weights)[0]
                await self.ask(session, subject)

    async def ask(self, session: aiohttp.ClientSession, subject: Subject) -> None:
        """Ask until there is an answer, and note what is wrong with it."""
        streamed, begun_at_s = self._random.random() < 0.5, self._record.now_s()
        self._record.requests["streamed" if streamed else "whole"] += 1
        reason = "no attempt"
        while self._record.now_s() - begun_at_s < GIVE_UP_S:
            started_at_s = self._record.now_s()
            try:
                reply = await subject.ask(session, self._url, self._random, self._record, streamed)
            except (Broken, aiohttp.ClientError, TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
                timed_out = isinstance(error, TimeoutError)
                reason, shown = "" if timed_out else self._excuses.of_break(started_at_s), repr(error)
            else:
                if not reply.refusal:
                    self._settle(subject.model, reply, begun_at_s, streamed)
                    return
                reason, shown = self._excuses.of_refusal(subject.model, reply, started_at_s), reply.refusal
                shown = f"{reply.status} {shown}"
            if not reason:
                self._record.violation(f"{subject.model}: not answered: {shown[:300]}")
                return
            self._record.requests[f"sent again: {reason}"] += 1
            await asyncio.sleep(RETRY_S)
        self._record.violation(f"{subject.model}: not answered within {GIVE_UP_S:.0f} s, at last because: {reason}")

    def _settle(self, model: str, reply: Reply, begun_at_s: float, streamed: bool) -> None:
        now_s = self._record.now_s()
        self._waits.note(model, reply.first_at_s - begun_at_s if streamed else None, now_s - begun_at_s)
        if reply.problem:
            self._record.violation(f"{model}: {reply.problem}")
        else:
            self._record.requests["right"] += 1
