"""The jobs that wait for their preparation. Users take turns, by the time that theirs have taken."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from shared.virtual_counters import VirtualCounters
from workers.engine import Party

T = TypeVar("T")

MIN_CHARGE_S = 0.001
"""Charged for each job, so that users with quick ones take turns too."""


class PreparingQueue(Generic[T]):
    """Runs calls in ``executor``, in an order that is fair between users.

    Time is charged as it was taken, divided by the user's weight.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._counters = VirtualCounters[Party]()
        self._waiting: dict[Party, deque[tuple[Future[T], Callable[[], T]]]] = {}

    def submit(self, party: Party, call: Callable[[], T]) -> Future[T]:
        """Queue a call behind the others of its user. Cancelling the future drops a call that has not begun."""
        future: Future[T] = Future()
        with self._lock:
            self._counters.enter(party)
            self._waiting.setdefault(party, deque()).append((future, call))
        self._executor.submit(self._run_next)
        return future

    def _run_next(self) -> None:
        party, future, call = self._take()
        began_at_s = time.perf_counter()
        try:
            if future.set_running_or_notify_cancel():
                _run(future, call)
        finally:
            with self._lock:
                took_s = max(time.perf_counter() - began_at_s, MIN_CHARGE_S)
                self._counters.charge(party, took_s / party[1])
                self._counters.leave(party)

    def _take(self) -> tuple[Party, Future[T], Callable[[], T]]:
        with self._lock:
            party = min(self._waiting, key=lambda party: (self._counters[party], self._counters.last_turn(party)))
            self._counters.take_turn(party)
            future, call = self._waiting[party].popleft()
            if not self._waiting[party]:
                del self._waiting[party]
            return party, future, call


def _run(future: Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
