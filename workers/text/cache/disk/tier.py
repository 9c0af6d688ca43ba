"""The tier below main memory as the engine sees it: what is read before a sequence starts, and what is kept when."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from workers.engine import DiskPlace
from workers.text.cache.disk.costs import ReadCosts
from workers.text.cache.disk.folder import PrefixFolder
from workers.text.cache.disk.reader import MIN_READ_TOKENS, PrefixReader, ReadOrder
from workers.text.cache.disk.secret import DiskUnusable, PrefixSecret
from workers.text.cache.disk.store import PrefixStore
from workers.text.cache.disk.writer import MIN_TOKENS, PrefixWriter
from workers.text.cache.kv_cache import KVCache
from workers.text.cache.main_memory import KeptInMemory
from workers.text.cache.pseudo_tokens import text_run

log = logging.getLogger("nexa.text")

MAX_WAIT_S = 10.0
"""How long a sequence waits at most for what it wants from disk. It starts without it then."""

RESTED_S = 2.0
"""After so long without work, what is in cells is copied to main memory, from where it is written."""

_KEY = b"key"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DiskStats:
    """The number and size of all files, how many were read, and the bytes read and written since the start."""

    files: int = 0
    used_bytes: int = 0
    hits: int = 0
    read_bytes: int = 0
    written_bytes: int = 0


class DiskTier(Generic[T]):
    """The files of one model and its settings. All calls come from the thread of the engine.

    Raises:
        DiskUnusable: nothing can be kept there.
    """

    def __init__(self, place: DiskPlace, identity: bytes, kept: KeptInMemory, cache: KVCache, on_gpu: bool) -> None:
        secret = PrefixSecret.open(place.secret_file)
        folder = PrefixFolder(place.folder, place.limit_bytes)
        key = secret.sign(_KEY, identity)  # servers with other secrets would remove each other's files
        self._store = PrefixStore(folder.of_key(key), secret, can_cut=not cache.needs_checkpoints)
        self.costs = ReadCosts(on_gpu)
        self._end_s = place.end_s
        self._cache = cache
        assert cache.copies is not None
        cache.copies.restored = self.costs.observe_load
        self._reach = reach = cache.copies.reach
        self._writer = PrefixWriter(self._store, kept, self.costs, folder)
        self._reader = PrefixReader(self._store, kept, reach, self.costs, self._writer.is_on_disk)
        self._waiting: dict[Future[T], tuple[float, Callable[[], None]]] = {}
        self._rests_since_s: float | None = None
        self._reader.start()
        self._writer.start()

    def fetch(self, item: T, tokens: list[int], owner: str) -> Future[T] | None:
        """Read what begins like ``tokens`` into main memory, if that pays; None if there is nothing to wait for.

        Nothing of pictures and recordings is on disk, so only what is before the first one is looked for.

        Returns:
            It is done with ``item`` when that was read, or takes too long.
        """
        tokens = tokens[: text_run(tokens, 0)]
        cached = max(self._cache.match(tokens, owner), self._reach(tokens, owner))
        if len(tokens) - cached < MIN_READ_TOKENS:
            return None
        if self._reader.knows_all and self._reader.wanted(tokens, owner, cached) is None:
            return None
        future = Future[T]()
        done = partial(_finish, future, item)
        self._waiting[future] = time.monotonic() + MAX_WAIT_S, done
        self._reader.order(ReadOrder(tokens, owner, cached, done))
        return future

    def note_work(self) -> None:
        """The engine has work. Sequences that have waited too long may start."""
        self._rests_since_s = None
        now_s = time.monotonic()
        for future, (until_s, finish) in list(self._waiting.items()):
            if now_s > until_s:
                finish()
            if future.done():
                del self._waiting[future]

    def rest(self) -> float | None:
        """The engine has no work: keep something, or wait. Returns when to call it again in seconds, None for never."""
        now_s = time.monotonic()
        if self._rests_since_s is None:
            self._rests_since_s = now_s
        left_s = self._rests_since_s + RESTED_S - now_s
        if left_s > 0:
            return left_s
        return 0.0 if self._cache.save_kept(MIN_TOKENS) else None

    def settle(self) -> None:
        """The engine ends: keep what is in cells and in main memory, as far as there is time."""
        until_s = time.monotonic() + self._end_s
        while time.monotonic() < until_s and self._cache.save_kept(MIN_TOKENS):
            pass
        self._writer.close(max(0.0, until_s - time.monotonic()))

    def stats(self) -> DiskStats:
        """What was done so far."""
        usage, store = self._writer.usage, self._store
        return DiskStats(usage.files, usage.used_bytes, self._reader.hits, store.read_bytes, store.written_bytes)

    def close(self) -> None:
        """End the threads. What was not written is lost."""
        self._writer.close(0.0)
        self._reader.close()


def open_tier(
    place: DiskPlace, identity: Callable[[], bytes] | None, kept: KeptInMemory, cache: KVCache, on_gpu: bool
) -> DiskTier[T] | None:
    """The tier; None, with a line in the log, if nothing can be kept there.

    ``identity`` gives what the states of this model's sequences depend on; it may raise :class:`OSError`. None if they
    mean nothing to another process.
    """
    if identity is None or cache.copies is None:
        log.info("--cache-disk: nothing is kept of this model on disk: another process cannot go on from its states")
        return None
    if not kept.host.is_used:
        log.warning("--cache-disk: nothing is kept on disk without --cache-bytes")
        return None
    try:
        return DiskTier(place, identity(), kept, cache, on_gpu)
    except (DiskUnusable, OSError) as error:
        log.warning("--cache-disk: nothing is kept on disk: %s", error)
        return None


def _finish(future: Future[T], item: T) -> None:
    with suppress(InvalidStateError):  # the reader and the engine may both have waited long enough
        future.set_result(item)
