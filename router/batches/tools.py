"""What all batches share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from router.batches.calls.gate import LineGate
from router.batches.calls.results import LineAnswer
from router.batches.rows import BatchRows
from router.batches.store import StoredBatch
from router.files.keeper import FileKeeper
from router.http.request_record import Behalf


class CallLine(Protocol):
    """Runs one line, as :meth:`LineCaller.call`."""

    async def __call__(self, path: str, body: bytes, request_id: str, behalf: Behalf) -> LineAnswer:
        """The endpoint's answer."""
        ...


@dataclass(frozen=True, slots=True)
class BatchTools:
    """The files and rows, the gate that lines pass, and how they are run.

    ``behalf_of`` says for whom a batch runs; None if its key is no longer valid. ``model_of`` is the served model that
    a name in a body means for an endpoint; empty if none is.
    """

    keeper: FileKeeper
    rows: BatchRows
    gate: LineGate
    call: CallLine
    behalf_of: Callable[[StoredBatch], Behalf | None]
    model_of: Callable[[str, str], str]
    output_keep_s: float
    max_body_bytes: int
    max_values: int

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return self.keeper.clock()
