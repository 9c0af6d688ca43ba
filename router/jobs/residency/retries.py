"""When a model whose load has failed may be loaded again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Set

from shared.wire.supervision import WorkerState, WorkerStatus

FIRST_WAIT_S = 10.0
MAX_WAIT_S = 600.0
HEALTHY_S = 30.0
"""A worker that has been ready for this long ends the back-off of its model."""


class Retries:
    """Counts failed loads by model. The wait before the next one doubles, until a worker has been ready for a while.

    ``failed`` are all that have failed since the start, also those that are repeated at once; ``reasons`` say of models
    whose last load has failed, why.
    """

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._until_s: dict[str, float] = {}
        self._failed_s: dict[str, float] = {}
        self._ready: dict[str, tuple[str, float]] = {}
        self._seen: dict[str, tuple[str, int]] = {}

    def note(self, status: WorkerStatus) -> bool:
        """Take a place's status; returns whether a worker there has found too little memory since the last look."""
        if status.state is WorkerState.READY:  # deaths before a load that an earlier router ordered are no news
            self._seen.setdefault(status.worker_name, ("", status.out_of_memory))
        worker_id, starved = self._seen.get(status.worker_name, ("", 0))
        if status.state is WorkerState.READY:
            self._note_ready(status)
        given_up = status.state is WorkerState.FAILED and status.worker_id != worker_id
        if given_up or status.out_of_memory > starved:
            self.failed[status.model] += 1
            self.reasons[status.model] = status.detail
        if given_up:
            self._seen[status.worker_name] = status.worker_id, starved
            failures = self._failures[status.model] = self._failures.get(status.model, 0) + 1
            self._failed_s[status.model] = time.monotonic()
            self._until_s[status.model] = time.monotonic() + min(FIRST_WAIT_S * 2 ** (failures - 1), MAX_WAIT_S)
        if status.out_of_memory > starved:
            self._seen[status.worker_name] = self._seen.get(status.worker_name, ("", 0))[0], status.out_of_memory
            return True
        return False

    def _note_ready(self, status: WorkerStatus) -> None:
        """A worker that has become ready since the last failure: one that was ready before says nothing of others."""
        now_s = time.monotonic()
        worker_id, since_s = self._ready.get(status.worker_name, ("", 0.0))
        if worker_id != status.worker_id:
            self._ready[status.worker_name] = status.worker_id, now_s
            self._until_s.pop(status.model, None)
            self.reasons.pop(status.model, None)
        elif now_s - since_s >= HEALTHY_S and since_s >= self._failed_s.get(status.model, 0.0):
            self._failures.pop(status.model, None)

    def forget(self, model: str) -> None:
        """Let the next load be tried at once."""
        self._failures.pop(model, None)
        self._until_s.pop(model, None)

    def keep_only(self, models: Set[str]) -> None:
        """Forget all other models."""
        for known in (self.failed, self.reasons, self._failures, self._until_s, self._failed_s):
            for model in set(known) - models:
                del known[model]

    def wait_s(self, model: str) -> float:
        """How long to wait before the next load of a model, 0 for not at all."""
        return max(0.0, self._until_s.get(model, 0.0) - time.monotonic())
