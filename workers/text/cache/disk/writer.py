"""The thread that writes prefixes to disk: those that main memory gave up, and those that it has held for a while."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque

from workers.text.cache.checkpoints import Checkpoint
from workers.text.cache.disk.costs import ReadCosts
from workers.text.cache.disk.folder import FolderUsage, PrefixFolder
from workers.text.cache.disk.secret import DiskUnusable
from workers.text.cache.disk.store import PrefixStore
from workers.text.cache.host_cache import SavedPrefix
from workers.text.cache.main_memory import KeptInMemory
from workers.text.cache.pseudo_tokens import is_text

log = logging.getLogger("nexa.text")

MIN_TOKENS = 256
"""A shorter prefix is computed again in less than a second on most machines."""

SETTLED_S = 8.0
"""So long a prefix stays in main memory before it is written: the next turn of a chat may replace it by then."""

LAST_CHECKPOINTS = 2
"""Of those within a prefix, the first is written, where others with the same instructions begin, and so many of the
last, where its next turn begins."""

LOOK_S = 1.0
"""How often is looked for what has settled, and for files of other processes."""

NICENESS = 10


class PrefixWriter:
    """Writes what is ``kept`` in main memory and what it drops, with the checkpoints within it.

    Of what it has dropped, as much waits as has room there; further ones are lost, unless nothing waits. ``usage`` are
    the number and the size of all files in the folder.
    """

    def __init__(self, store: PrefixStore, kept: KeptInMemory, costs: ReadCosts, folder: PrefixFolder) -> None:
        self._store = store
        self._host, self._checkpoints, self._queue_bytes = kept.host, kept.checkpoints, kept.queue_bytes
        self._costs = costs
        self._folder = folder
        self.usage = FolderUsage()
        self._changed = threading.Condition()
        self._queue: deque[SavedPrefix] = deque()
        self._queued_bytes = 0
        self._since_s: dict[SavedPrefix, float] = {}
        self._done: set[SavedPrefix] = set()
        self._ends_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="prefix-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._host.dropped = self.put
        self._thread.start()

    def put(self, saved: SavedPrefix) -> None:
        """Write a prefix soon, if it is long enough and not too much waits. Returns at once."""
        with self._changed:
            waits = self._queued_bytes + saved.state.nbytes > self._queue_bytes and self._queue
            if not _is_written(saved) or saved in self._done or waits:
                return
            self._queue.append(saved)
            self._queued_bytes += saved.state.nbytes
            self._changed.notify()

    def is_on_disk(self, saved: SavedPrefix) -> None:
        """This prefix came from there: it need not be written."""
        with self._changed:
            self._done.add(saved)

    def close(self, limit_s: float) -> None:
        """Write what is left, for so long at most, and end the thread unless it hangs."""
        with self._changed:
            self._ends_at_s = time.monotonic() + limit_s
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(limit_s + 1.0)

    def _run(self) -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # of this thread alone: streams go before it
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        try:
            self._note_usage()  # and the parts of killed writers go
            while self._do_next():
                pass
        except Exception:
            log.exception("--cache-disk: the thread that writes prefixes has failed; no more are written")
            self._host.dropped = None

    def _do_next(self) -> bool:
        """Write the next prefix as soon as there is one. False at the end."""
        ends = self._ends_at_s is not None
        saved = self._next()
        if saved is not None:
            if not self._store.holds(saved.tokens, saved.owner):
                self._store.write(saved, self._within(saved), self._costs.token_s)
                self._note_usage()
            return True
        if self._store.refresh():
            self._note_usage()
        with self._changed:
            if self._ends_at_s is None and not self._queue:
                self._changed.wait(LOOK_S)
            return not ends

    def _note_usage(self) -> None:
        with contextlib.suppress(DiskUnusable, OSError), self._folder.locked():  # the next write tells
            self.usage = self._folder.usage()

    def _within(self, saved: SavedPrefix) -> list[Checkpoint]:
        """The checkpoints that are written with a prefix."""
        found = self._checkpoints.within(saved.tokens, saved.owner)
        return [*found[:1], *found[1:][-LAST_CHECKPOINTS:]]

    def _next(self) -> SavedPrefix | None:
        with self._changed:
            if self._ends_at_s is not None and time.monotonic() > self._ends_at_s:
                return None
            if self._queue:
                saved = self._queue.popleft()
                self._queued_bytes -= saved.state.nbytes
                return saved
            held = [saved for saved in reversed(self._host.all()) if saved in self._done or _is_written(saved)]
            now_s = time.monotonic()
            self._since_s = {saved: self._since_s.get(saved, now_s) for saved in held}
            self._done &= set(held)
            settled_s = 0.0 if self._ends_at_s is not None else SETTLED_S
            for saved in held:
                if saved not in self._done and now_s - self._since_s[saved] >= settled_s:
                    self._done.add(saved)
                    return saved
            return None


def _is_written(saved: SavedPrefix) -> bool:
    """Whether a prefix is written: a long one without pictures and recordings."""
    return len(saved.tokens) >= MIN_TOKENS and is_text(saved.tokens)
