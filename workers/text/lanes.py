"""Threads that prepare jobs: quick ones beside slow ones, and users in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from shared.wire.payloads import JobError
from workers.engine import Party
from workers.text.preparing_queue import Errand, PreparingQueue
from workers.text.sandbox.attempt import Cancelled, Limits, PreparationAttempt

T = TypeVar("T")

QUICK_CPU_S = 0.5
"""CPU time of a first attempt's tasks. Most take milliseconds."""

THREADS = 2
"""In each lane. One user has one of them."""

STACK_BYTES = 512 * 1024 * 1024
"""Of each thread: llguidance descends once for each rule or ``$ref`` of a chain, by some KiB.

The usual 8 MiB end after a thousand, and the process with them. Memory is taken only as it is used. Grammars come from
the sandbox, whose stacks are smaller.
"""

MAX_SLOW_PER_USER = 2
"""Different jobs that take longer, of one user at a time. They hold places of the worker while they wait."""

MAX_SLOW_WAIT_S = 5.0
"""How long they may wait for each other."""


class NeedsTime(Exception):
    """A quick attempt came to its limit of time. Jobs with the same ``key`` need it only once."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key = key


class PreparationLanes(Generic[T]):
    """Prepares each job with little time first, and in another lane if that does not suffice.

    So jobs that take seconds delay only others like them.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._plain, self._quick, self._slow = PreparingQueue[T](), PreparingQueue[T](), PreparingQueue[T]()
        self._files = PreparingQueue[T]()
        self._errands: dict[str, Errand[T]] = {}
        self._closed = False
        lanes = {"prepare": self._plain, "prepare-quick": self._quick, "prepare-slow": self._slow}
        lanes["prepare-files"] = self._files
        self._threads = [thread for name, lane in lanes.items() for thread in self._begin(lane, name)]

    def submit(
        self,
        job_id: str,
        party: Party,
        prepare: Callable[[PreparationAttempt], T],
        takes_long: bool = False,
        reads_files: bool = False,
    ) -> Future[T]:
        """Prepare a job. ``prepare`` raises :class:`NeedsTime` if its attempt is quick and that does not suffice.

        ``takes_long``: it has a grammar, or much text. ``reads_files``: it decodes files, for seconds also in a quick
        attempt. Other jobs take milliseconds, and do not wait for these, which do not wait for each other.
        """
        errand = Errand(job_id, party, prepare)
        with self._changed:
            self._errands[job_id] = errand
            lane = self._files if reads_files else self._quick if takes_long else self._plain
            lane.add(errand)
            self._changed.notify_all()
        return errand.future

    def cancel(self, job_id: str) -> None:
        """Stop preparing a job; a task that runs for it is ended."""
        with self._changed:
            errand = self._errands.pop(job_id, None)
            if errand is not None:
                errand.cancelled = True
                if errand.attempt is not None:
                    errand.attempt.cancel()

    def expire(self) -> None:
        """Give up the jobs that have waited too long for others of their user."""
        with self._changed:
            now_s = time.monotonic()
            for errand in list(self._errands.values()):
                if errand.slow_key is not None and errand.attempt is None and now_s > errand.waits_until_s:
                    self._give_up(errand)

    def close(self) -> None:
        """End the threads and what they do."""
        with self._changed:
            self._closed = True
            for job_id in list(self._errands):
                self.cancel(job_id)
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _begin(self, lane: PreparingQueue[T], name: str) -> list[threading.Thread]:
        usual_bytes = threading.stack_size(STACK_BYTES)
        try:
            threads = [
                threading.Thread(target=self._work, args=(lane,), name=name, daemon=True) for _ in range(THREADS)
            ]
            for thread in threads:
                thread.start()
        finally:
            threading.stack_size(usual_bytes)
        return threads

    def _work(self, lane: PreparingQueue[T]) -> None:
        while self._do_next(lane):
            pass  # nothing of a job is kept while there is no other

    def _do_next(self, lane: PreparingQueue[T]) -> bool:
        """Prepare the next job, as soon as there is one. False at the end."""
        errand = self._next(lane)
        if errand is None:
            return False
        began_at_s = time.perf_counter()
        try:
            assert errand.attempt is not None
            result = errand.prepare(errand.attempt)
        except NeedsTime as needs:
            self._slow_down(errand, needs.key)
        except Cancelled:
            errand.future.cancel()
        except Exception as error:
            errand.future.set_exception(error)
        else:
            errand.future.set_result(result)
        with self._changed:
            lane.finish(errand, time.perf_counter() - began_at_s)
            if errand.future.done() and self._errands.get(errand.job_id) is errand:
                del self._errands[errand.job_id]
            self._changed.notify_all()
        return True

    def _next(self, lane: PreparingQueue[T]) -> Errand[T] | None:
        """The next errand, as soon as there is one; None at the end."""
        with self._changed:
            while not self._closed:
                errand = lane.take()
                if errand is None:
                    self._changed.wait()
                elif errand.cancelled:
                    lane.finish(errand, 0.0)
                    errand.future.cancel()
                else:
                    is_quick = lane is not self._slow
                    cpu_s = min(QUICK_CPU_S, self._limits.cpu_s) if is_quick else self._limits.cpu_s
                    limits = Limits(cpu_s, self._limits.memory_bytes)
                    errand.attempt = PreparationAttempt(limits, is_quick and cpu_s < self._limits.cpu_s, not is_quick)
                    return errand
            return None

    def _slow_down(self, errand: Errand[T], key: bytes) -> None:
        """Move an errand to the lane for slow ones."""
        with self._changed:
            of_user = {other.slow_key for other in self._errands.values() if other.party[0] == errand.party[0]}
            errand.slow_key, errand.attempt = key, None
            errand.waits_until_s = time.monotonic() + MAX_SLOW_WAIT_S
            if key not in of_user and len(of_user - {None}) >= MAX_SLOW_PER_USER:
                self._give_up(errand)
            elif not errand.cancelled:
                self._slow.add(errand)

    def _give_up(self, errand: Errand[T]) -> None:
        self._errands.pop(errand.job_id, None)
        errand.cancelled = True
        message = (
            f"grammars and schemas: expected at most {MAX_SLOW_PER_USER} requests of one user that take over "
            f"{QUICK_CPU_S:g} s to prepare at a time, got more; try again later"
        )
        errand.future.set_exception(JobError(429, message, None, "slow_preparation"))
