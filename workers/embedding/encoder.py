"""Vectors and scores of jobs: from their preparation to their last event."""

from __future__ import annotations

import logging
import time
from array import array
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

import numpy as np

from shared.wire.jobs import EmbedJob, RerankJob, Work
from shared.wire.messages import EngineStats
from shared.wire.payloads import Done, Failed, FinishReason, JobError, Started
from workers.embedding.computer import Computer, Rows
from workers.embedding.inputs import InputMaker
from workers.embedding.queue import BatchInput, InputQueue, WaitingJob
from workers.embedding.results import ResultWriter
from workers.engine import Emitted, EngineJob
from workers.text.lanes import PreparationLanes
from workers.text.sandbox.attempt import Limits, PreparationAttempt

PREPARING_WAIT_S = 0.05
"""Longest time that a step without work waits for a job that is being prepared."""

QUICK_CHARS = 32 * 1024
"""Jobs with more text are prepared beside the others, which take milliseconds."""

PREPARATION_FAILED = Failed(500, "the engine failed to prepare this request; the server's log has the reason")
NOT_FINITE = Failed(500, "the model gave no finite numbers for this request; the server's log may say why")

log = logging.getLogger("nexa.embedding")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Inputs that are computed, and what computes them."""

    items: list[BatchInput]
    parts: Generator[Rows | None]


class Encoder:
    """Runs jobs for vectors or scores on one computer. Their inputs are made in other threads, users in turn."""

    def __init__(self, maker: InputMaker, computer: Computer, writer: ResultWriter, batch_tokens: int) -> None:
        self._maker = maker
        self._computer = computer
        self._writer = writer
        self._lanes: PreparationLanes[WaitingJob] = PreparationLanes(Limits(0.0, 0))
        self._preparing: dict[str, Future[WaitingJob]] = {}
        self._queue = InputQueue(batch_tokens, computer.sequences)
        self._batch: _Batch | None = None
        self._steps = self._prompt_tokens = 0

    def submit(self, job: EngineJob) -> None:
        """Accept a job. What is wrong with it comes as an event."""
        received_at_s = time.monotonic()

        def prepare(_attempt: PreparationAttempt) -> WaitingJob:
            # As lists, the tokens of all jobs that wait would take nine times the memory.
            inputs = [array("i", tokens) for tokens in self._maker.make(job.work)]
            return WaitingJob(job, inputs, received_at_s)

        takes_long = _chars(job.work) > QUICK_CHARS
        self._preparing[job.job_id] = self._lanes.submit(job.job_id, job.party, prepare, takes_long)

    def cancel(self, job_id: str) -> None:
        """Drop a job. Unknown ids are ignored."""
        self._preparing.pop(job_id, None)
        self._lanes.cancel(job_id)
        self._queue.remove(job_id)
        if self._batch is not None and not any(item.job_id in self._queue for item in self._batch.items):
            self._batch.parts.close()
            self._batch = None

    def has_work(self) -> bool:
        """Whether :meth:`step` has anything to do."""
        return bool(self._preparing) or self._has_inputs

    def step(self, may_wait: bool = True) -> list[Emitted]:
        """Begin the prepared jobs or, if there are none, compute a part of a batch; returns the events."""
        if may_wait and self._preparing and not self._has_inputs:
            wait(self._preparing.values(), timeout=PREPARING_WAIT_S, return_when=FIRST_COMPLETED)
        emitted = self._collect()
        if emitted:
            return emitted  # sent before the computation, which could crash this process
        if self._batch is None:
            self._batch = self._next_batch()
        if self._batch is None:
            return []
        batch, rows = self._batch, self._next_rows()
        return [] if rows is None else self._all_results(batch.items, rows)

    def stats(self) -> EngineStats:
        """The current load."""
        return EngineStats(
            running=len(self._queue),
            waiting=len(self._preparing),
            prompt_tokens=self._prompt_tokens,
            steps=self._steps,
        )

    def close(self) -> None:
        """Free what it holds. The model must be freed after it."""
        self._lanes.close()
        self._computer.close()

    @property
    def _has_inputs(self) -> bool:
        return self._batch is not None or self._queue.has_waiting

    def _next_batch(self) -> _Batch | None:
        items = self._queue.next_batch()
        return _Batch(items, self._computer.parts([item.tokens for item in items])) if items else None

    def _next_rows(self) -> Rows | None:
        """Compute a part of the batch; returns the rows of all its inputs after the last part."""
        assert self._batch is not None
        batch, self._batch = self._batch, None  # one that fails is not tried again
        rows = next(batch.parts)
        self._steps += 1
        if rows is None:
            self._batch = batch
        return rows

    def _all_results(self, items: list[BatchInput], rows: Rows) -> list[Emitted]:
        places: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault(item.job_id, []).append(place)
        emitted: list[Emitted] = []
        for job_id, own in places.items():
            if job_id in self._queue:  # otherwise it was cancelled meanwhile
                emitted += self._results(self._queue[job_id], [items[place].index for place in own], rows[own])
        return emitted

    def _collect(self) -> list[Emitted]:
        emitted: list[Emitted] = []
        for job_id in [job_id for job_id, future in self._preparing.items() if future.done()]:
            future = self._preparing.pop(job_id)
            try:
                job = future.result()
            except JobError as error:
                emitted.append((job_id, error.failed))
            except Exception:
                log.exception("job preparation failed", extra={"job": job_id})
                emitted.append((job_id, PREPARATION_FAILED))
            else:
                self._queue.add(job)
                self._prompt_tokens += job.prompt_tokens
                emitted.append((job_id, Started(job.prompt_tokens, 0)))
        return emitted

    def _results(self, job: WaitingJob, indices: list[int], rows: Rows) -> list[Emitted]:
        job_id = job.job.job_id
        if not np.isfinite(rows).all():
            self._queue.remove(job_id)
            return [(job_id, NOT_FINITE)]
        job.note_result(len(indices))
        emitted: list[Emitted] = [(job_id, self._writer.write(job.job, indices, rows))]
        if not job.unfinished:
            self._queue.remove(job_id)
            done = Done(FinishReason.STOP, job.prompt_tokens, 0, 0, job.ttft_s())
            emitted.append((job_id, done))
        return emitted


def _chars(work: Work) -> int:
    """The length of a job's texts. A query is read with each document."""
    if isinstance(work, RerankJob):
        return sum(map(len, work.documents)) + len(work.query) * len(work.documents)
    return sum(map(len, work.inputs)) if isinstance(work, EmbedJob) else 0
