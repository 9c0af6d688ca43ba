"""The thread that reads prefixes from disk into main memory; the sequences that want them wait for their start."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from workers.text.cache.disk.costs import ReadCosts
from workers.text.cache.disk.index import FoundFile
from workers.text.cache.disk.store import PrefixStore
from workers.text.cache.host_cache import SavedPrefix
from workers.text.cache.main_memory import KeptInMemory

log = logging.getLogger("nexa.text")

MIN_READ_TOKENS = 128
"""A file is read only if that saves computing this many tokens."""


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """Something to read, and for whom. ``done`` is called once it was read, or was not."""

    tokens: list[int]
    owner: str
    cached: int
    done: Callable[[], None]


Reach = Callable[[list[int], str], int]
"""How many of an owner's tokens main memory has, from where a prompt can go on. Threads may call it."""


class PrefixReader:
    """Reads into what is ``kept`` in main memory, beyond what that can ``reach``.

    ``note`` is called with each prefix that was read, before it is in main memory.
    """

    def __init__(
        self,
        store: PrefixStore,
        kept: KeptInMemory,
        reach: Reach,
        costs: ReadCosts,
        note: Callable[[SavedPrefix], None],
    ) -> None:
        self._store = store
        self._host, self._checkpoints = kept.host, kept.checkpoints
        self._reach = reach
        self._costs = costs
        self._note = note
        self._orders: queue.SimpleQueue[ReadOrder | None] = queue.SimpleQueue()
        self.knows_all = False
        self.hits = 0
        self._thread = threading.Thread(target=self._run, name="prefix-reader", daemon=True)

    def start(self) -> None:
        """Begin: first of all with a look at what there is."""
        self._thread.start()

    def wanted(self, tokens: list[int], owner: str, cached: int) -> FoundFile | None:
        """The file that gives more than the first ``cached`` tokens, if reading it pays."""
        if len(tokens) - cached < MIN_READ_TOKENS:
            return None
        length, found = self._store.longest(tokens, owner)
        if found is None or length - cached < MIN_READ_TOKENS or not self._host.has_room_for(found.head.state_bytes):
            return None
        return found if self._costs.pays(found.head.file_bytes, length - cached) else None

    def order(self, order: ReadOrder) -> None:
        """Read what is wanted for these tokens, if anything is."""
        self._orders.put(order)

    def close(self) -> None:
        """End the thread, unless it hangs."""
        self._orders.put(None)
        self._thread.join(1.0)

    def _run(self) -> None:
        try:
            self._store.refresh()
        except Exception:
            log.exception("--cache-disk: what is on disk cannot be told")
        self._costs.expect_token(self._store.token_s)
        self.knows_all = True
        while (order := self._orders.get()) is not None:
            try:
                self._read(order)
            except Exception:
                log.exception("--cache-disk: a prefix cannot be read")
            order.done()

    def _read(self, order: ReadOrder) -> None:
        cached = max(order.cached, self._reach(order.tokens, order.owner))  # another order may have read it
        found = self.wanted(order.tokens, order.owner, cached)
        if found is None:
            return
        began_at_s = time.perf_counter()
        read = self._store.read(found, order.owner)
        if read is None:
            return
        self._costs.observe_read(found.head.file_bytes, time.perf_counter() - began_at_s)
        self.hits += 1
        self._note(read.saved)
        for checkpoint in read.checkpoints:
            if not self._checkpoints.holds(checkpoint.tokens, checkpoint.owner):
                self._checkpoints.put(checkpoint.tokens, checkpoint.state, checkpoint.owner)
        self._host.add(read.saved)
