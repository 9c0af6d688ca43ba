"""Threads for calls that may block. Each kind of call has its own: a disk that hangs stops only what needs it."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

R = TypeVar("R")


class Lane:
    """At most ``threads`` threads, which do one kind of blocking call. Further calls wait, at most ``max_waiting``.

    A call that has not returned after ``timeout_s`` (None: no limit) is given up, although its thread may hang on:
    threads cannot be stopped. They are daemons, so that the process can end beside a hung one.
    """

    def __init__(self, name: str, threads: int = 1, max_waiting: int = 64, timeout_s: float | None = 10.0) -> None:
        self.name = name
        self.timeout_s = timeout_s
        self._max_calls = threads + max_waiting
        self._max_threads = threads
        self._calls = 0
        self._threads = 0
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        """Calls that wait or run, or hang after they were given up."""
        return self._calls

    async def run(self, function: Callable[..., R], *arguments: Any) -> R:
        """Call ``function`` in a thread. A caller that is cancelled does not stop it, once it runs.

        Raises:
            TimeoutError: it has not returned in time, too many calls wait already, or no thread can be started.
        """
        future: Future[R] = Future()
        self._add(future, lambda: function(*arguments))
        try:
            async with asyncio.timeout(self.timeout_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if future.done() and not future.cancelled():
                raise  # the function's own
            raise TimeoutError(f"{self.name}: expected an answer within {self.timeout_s:g} s, got none") from None

    def _add(self, future: Future[Any], call: Callable[[], Any]) -> None:
        with self._lock:
            if self._calls >= self._max_calls:
                raise TimeoutError(f"{self.name}: expected at most {self._max_calls} calls at once, got one more")
            if self._threads < min(self._calls + 1, self._max_threads):
                self._start_thread()
            self._calls += 1
            self._waiting.put((future, call))

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._work, name=self.name, daemon=True).start()
        except RuntimeError:  # the process or the machine may have no more
            if not self._threads:
                raise TimeoutError(f"{self.name}: expected a thread for the call, got none") from None
        else:
            self._threads += 1

    def _work(self) -> None:
        while True:
            future, call = self._waiting.get()
            if future.set_running_or_notify_cancel():
                self._answer(future, call)
            else:
                self._count_end()
            del future, call  # the next may come much later

    def _answer(self, future: Future[Any], call: Callable[[], Any]) -> None:
        try:
            result = call()
        except BaseException as error:
            self._count_end()
            future.set_exception(error)
        else:
            self._count_end()
            future.set_result(result)

    def _count_end(self) -> None:
        with self._lock:
            self._calls -= 1
