"""What rows of batches and of their lines hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from router.batches.states import BatchState
from router.files.store import StoredFile


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What a client asks for, and for whom. ``output_keep_s`` is how long its output files are kept, if it says so."""

    owner: str
    key_id: str
    network: str
    endpoint: str
    input_file_id: str
    completion_window: str
    metadata: Mapping[str, str] | None
    output_keep_s: int | None
    created_at_s: int
    expires_at_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch(NewBatch):
    """A batch as its row has it.

    ``moved_at_s`` says when it came into each state; ``errors`` are those of the input.
    """

    number: int
    batch_id: str
    state: BatchState
    moved_at_s: Mapping[str, int] = field(default_factory=dict)
    errors: Sequence[Mapping[str, Any]] = ()
    total: int = 0
    completed: int = 0
    failed: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None


class BatchPage(NamedTuple):
    """A part of a list, and whether more follows."""

    batches: list[StoredBatch]
    has_more: bool


class InputLine(NamedTuple):
    """A line of an input file: its number from 1, and where it is."""

    number: int
    custom_id: str
    start_bytes: int
    size_bytes: int


class KeptAnswer(NamedTuple):
    """A line of an output file."""

    number: int
    text: bytes


class BatchEnd(NamedTuple):
    """How a batch ends: its last state, its files, and how many of its lines were not run."""

    state: BatchState
    output: StoredFile | None = None
    error: StoredFile | None = None
    not_run: int = 0
