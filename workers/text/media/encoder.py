"""The thread that encodes pictures and recordings, and the embeddings that are kept."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

import numpy as np

from shared.memory.projectors.kept import KEPT_EMBEDDINGS_BYTES
from shared.virtual_counters import VirtualCounters
from workers.engine import Party
from workers.text.media.projector import Embeddings, MediaChunk, Projector
from workers.text.media.turns import ComputingTurns

log = logging.getLogger("nexa.text")

FAILED = "the model's projector failed on this picture or recording; the server's log has the reason"
NOT_FINITE = "the model's projector makes no finite numbers of this picture or recording"


_Key = tuple[str, bytes]
"""An owner, and the key of a chunk."""


@dataclass(slots=True)
class _Wanted:
    """A chunk that sequences of these parties need, and why it cannot be had."""

    key: _Key
    chunk: MediaChunk
    parties: Counter[Party] = field(default_factory=Counter)
    failure: str | None = None


class MediaEncoder:
    """Encodes each content once, and only as long as somebody wants it. Users take turns by the time that theirs took.

    It is encoded once for each ``owner``: users who share nothing do not learn by its time that others have sent it.
    The least recently used embeddings leave first, when those that nobody wants are more than ``kept_bytes``.
    ``encoded`` counts chunks, ``encode_s`` is what they took; it grows while one is encoded. All calls come from the
    thread of the engine.
    """

    def __init__(self, projector: Projector, turns: ComputingTurns, kept_bytes: int = KEPT_EMBEDDINGS_BYTES) -> None:
        self._projector = projector
        self._turns = turns
        self._kept_bytes = kept_bytes
        self._changed = threading.Condition()
        self._wanted: dict[_Key, _Wanted] = {}
        self._queue: dict[_Key, None] = {}
        self._done: OrderedDict[_Key, Embeddings] = OrderedDict()
        self._counters = VirtualCounters[Party]()
        self._current: _Key = ("", b"")
        self._payers: list[Party] = []
        self._slice_began_at_s = 0.0
        self._is_closed = self._is_stopped = False
        self.encoded = 0
        self.encode_s = 0.0
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)

    def start(self) -> None:
        """Begin to encode."""
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be encoded."""
        with self._changed:
            return bool(self._queue)

    def want(self, chunk: MediaChunk, party: Party, owner: str = "") -> bool:
        """Somebody needs a chunk until it is released. Whether its embeddings are at hand."""
        key = owner, chunk.key
        with self._changed:
            wanted = self._wanted.setdefault(key, _Wanted(key, chunk))
            wanted.parties[party] += 1
            self._counters.enter(party)
            if key in self._done:
                return True
            if wanted.failure is None:
                self._queue.setdefault(key)
                self._changed.notify_all()
            return False

    def release(self, chunk: MediaChunk, party: Party, owner: str = "") -> None:
        """Somebody needs it no more. What nobody needs is not encoded; if that has begun, it ends."""
        key = owner, chunk.key
        with self._changed:
            wanted = self._wanted[key]
            wanted.parties[party] -= 1
            self._counters.leave(party)
            if not wanted.parties[party]:
                del wanted.parties[party]
            if not wanted.parties:
                del self._wanted[key]
                self._queue.pop(key, None)
                self._trim()

    def embeddings(self, chunk: MediaChunk, owner: str = "") -> Embeddings | None:
        """The embeddings of a wanted chunk, once they are there."""
        key = owner, chunk.key
        with self._changed:
            if key not in self._done:
                return None
            self._done.move_to_end(key)
            return self._done[key]

    def failures(self) -> dict[tuple[str, bytes], str]:
        """Why wanted chunks cannot be encoded, by their owners and keys."""
        with self._changed:
            return {key: wanted.failure for key, wanted in self._wanted.items() if wanted.failure is not None}

    def wait(self, timeout_s: float) -> None:
        """Wait until a chunk is done, unless none is to be encoded."""
        with self._changed:
            if self._queue:
                self._changed.wait(timeout_s)

    def close(self) -> None:
        """End the thread, within a slice. Nothing is encoded afterwards."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while self._encode_next():
            pass  # no chunk is kept while there is no other

    def _encode_next(self) -> bool:
        """Encode what is next, as soon as there is something. False at the end."""
        wanted = self._next()
        if wanted is not None:
            self._encode(wanted)
        return wanted is not None

    def _next(self) -> _Wanted | None:
        """What is encoded next, as soon as there is something; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._is_closed)
            if self._is_closed:
                return None
            ranks = {key: min(map(self._counters.rank, self._wanted[key].parties)) for key in self._queue}
            self._current = min(ranks, key=lambda key: ranks[key])
            wanted = self._wanted[self._current]
            self._payers = list(wanted.parties)  # also those who leave before its end
            for party in self._payers:
                self._counters.take_turn(party)
            return wanted

    def _encode(self, wanted: _Wanted) -> None:
        before_s, failure = self.encode_s, None
        embeddings: Embeddings | None = None
        with self._turns.slices():
            self._slice_began_at_s, self._is_stopped = time.perf_counter(), False
            try:
                embeddings = self._projector.encode(wanted.chunk, self._go_on)
                if embeddings is not None and not np.isfinite(embeddings).all():
                    embeddings, failure = None, NOT_FINITE
            except Exception:
                log.exception("a picture or recording was not encoded")
                embeddings, failure = None, FAILED
            self._count_slice()
        if embeddings is None and failure is None and not self._is_stopped:
            failure = FAILED
        with self._changed:
            self._note(wanted, embeddings, failure, self.encode_s - before_s)
            self._changed.notify_all()

    def _note(self, wanted: _Wanted, embeddings: Embeddings | None, failure: str | None, took_s: float) -> None:
        """Keep what came of a chunk. One that was stopped and is wanted again by now stays in the queue."""
        key = wanted.key
        for user, weight in filter(self._counters.has_work, self._payers):
            self._counters.charge((user, weight), took_s / len(self._payers) / weight)
        if embeddings is not None:
            self.encoded += 1
            self._done[key] = embeddings
            self._trim()
        if key in self._wanted:
            self._wanted[key].failure = failure
        if embeddings is not None or failure is not None:
            self._queue.pop(key, None)

    def _go_on(self) -> bool:
        """Between two nodes of the graph: let a step go first; whether anybody still wants the result."""
        self._count_slice()
        self._turns.give_way()
        self._slice_began_at_s = time.perf_counter()
        self._is_stopped = self._is_closed or self._current not in self._wanted
        return not self._is_stopped

    def _count_slice(self) -> None:
        now_s = time.perf_counter()
        self.encode_s += now_s - self._slice_began_at_s
        self._slice_began_at_s = now_s

    def _trim(self) -> None:
        unwanted = [key for key in self._done if key not in self._wanted]
        kept_bytes = sum(self._done[key].nbytes for key in unwanted)
        for key in unwanted:
            if kept_bytes <= self._kept_bytes:
                return
            kept_bytes -= self._done.pop(key).nbytes
