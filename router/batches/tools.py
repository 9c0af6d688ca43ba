"""What all batches share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from router.batches.calls.gate import LineGate
from router.batches.calls.results import LineAnswer
from router.batches.records import StoredBatch
from router.batches.rows import BatchRows
from router.files.keeper import FileKeeper
from router.http.request_record import Behalf
from router.jobs.limits import UserLimits

CHECKS = 2
"""Inputs that are checked at once. Each needs the memory of all its names."""


class CallLine(Protocol):
    """Runs one line, as :meth:`LineCaller.call`."""

    async def __call__(self, path: str, body: bytes, request_id: str, behalf: Behalf) -> LineAnswer:
        """The endpoint's answer."""
        ...


@dataclass(frozen=True, slots=True)
class BatchTools:
    """The files and rows, the gate that lines pass, and how they are run.

    ``behalf_of`` says for whom a batch runs; None if its key is no longer valid. ``model_of`` is the served model that
    a name in a body means for an endpoint and a user with these limits; empty if none is.
    """

    keeper: FileKeeper
    rows: BatchRows
    gate: LineGate
    call: CallLine
    behalf_of: Callable[[StoredBatch], Behalf | None]
    model_of: Callable[[str, str, UserLimits], str]
    output_keep_s: float
    max_body_bytes: int
    max_values: int
    checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHECKS))
    """For those who check an input."""

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return self.keeper.clock()
