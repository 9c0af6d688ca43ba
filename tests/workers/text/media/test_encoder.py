"""The encoder's thread: whose pictures are next, what it keeps, what it gives up, and when it ends."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tests.support.engines.seeing import WIDTH, SeenChunk, SeenProjector
from tests.support.workers.supervised import wait_until
from workers.engine import Party
from workers.text.media.encoder import FAILED, MediaEncoder
from workers.text.media.turns import ComputingTurns

ONE, TWO = ("one", 1.0), ("two", 1.0)
CHUNK_BYTES = 6 * 8 * WIDTH * 4


@dataclass
class Gate:
    """Holds an encode at each node until it may go on; ``begun`` is set at the first."""

    begun: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        self.begun.set()
        assert self.may_go_on.wait(20)


def chunk(name: str) -> SeenChunk:
    return SeenChunk(name.encode() * 32, 6, 8, True, 1)


@contextmanager
def encoding(projector: SeenProjector, kept_bytes: int = 1_000_000) -> Iterator[MediaEncoder]:
    encoder = MediaEncoder(projector, ComputingTurns(), kept_bytes)
    encoder.start()
    try:
        yield encoder
    finally:
        encoder.close()


def encoded(encoder: MediaEncoder, wanted: SeenChunk, party: Party = ONE) -> None:
    """Want a chunk, wait for it, and release it."""
    encoder.want(wanted, party)
    finish(encoder)
    assert encoder.embeddings(wanted) is not None
    encoder.release(wanted, party)


def finish(encoder: MediaEncoder) -> None:
    while encoder.is_busy:
        encoder.wait(20)


def names(projector: SeenProjector) -> str:
    return "".join(chr(key[0]) for key in projector.encoded)


def test_users_take_turns() -> None:
    gate = Gate()
    projector = SeenProjector(between=gate.hold)
    with encoding(projector) as encoder:
        encoder.want(chunk("a"), ONE)
        assert gate.begun.wait(20)
        for name, party in (("b", ONE), ("c", ONE), ("d", TWO)):
            encoder.want(chunk(name), party)
        gate.may_go_on.set()
        finish(encoder)
    assert names(projector) == "adbc"


def test_what_was_not_used_for_the_longest_time_leaves_first() -> None:
    projector = SeenProjector()
    with encoding(projector, kept_bytes=2 * CHUNK_BYTES) as encoder:
        for name in "ab":
            encoded(encoder, chunk(name))
        encoded(encoder, chunk("a"))  # is used again
        encoded(encoder, chunk("c"))
        assert [encoder.want(chunk(name), ONE) for name in "abc"] == [True, False, True]
        finish(encoder)
    assert names(projector) == "abcb"


def test_what_is_wanted_is_kept_however_much_it_is() -> None:
    with encoding(SeenProjector(), kept_bytes=0) as encoder:
        for name in "abc":
            encoder.want(chunk(name), ONE)
        finish(encoder)
        assert all(encoder.embeddings(chunk(name)) is not None for name in "abc")
        encoder.release(chunk("b"), ONE)
        assert [encoder.embeddings(chunk(name)) is not None for name in "abc"] == [True, False, True]


def test_what_is_wanted_again_before_its_encode_has_stopped_is_encoded() -> None:
    gate = Gate()
    projector = SeenProjector(between=gate.hold)
    with encoding(projector) as encoder:
        encoder.want(chunk("a"), ONE)
        assert gate.begun.wait(20)
        encoder.release(chunk("a"), ONE)
        encoder.want(chunk("a"), TWO)
        gate.may_go_on.set()
        finish(encoder)
        assert encoder.embeddings(chunk("a")) is not None
    assert (projector.stopped, names(projector)) == (0, "a")


def test_a_failure_is_told_as_long_as_somebody_wants_the_chunk() -> None:
    def fails(
        _embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        raise RuntimeError("out of memory")

    projector = SeenProjector(changed=fails)
    with encoding(projector) as encoder:
        encoder.want(chunk("a"), ONE)
        finish(encoder)
        assert encoder.failures() == {("", chunk("a").key): FAILED}
        encoder.want(chunk("a"), TWO)
        assert not encoder.is_busy  # it is not tried again for others
        for party in (ONE, TWO):
            encoder.release(chunk("a"), party)
        assert not encoder.failures()
        projector.changed = lambda embeddings: embeddings
        encoded(encoder, chunk("a"))


def test_closing_ends_an_encode_at_its_next_node() -> None:
    gate = Gate()
    projector = SeenProjector(between=gate.hold)
    with encoding(projector) as encoder:
        encoder.want(chunk("a"), ONE)
        assert gate.begun.wait(20)
        closing = threading.Thread(target=encoder.close)
        closing.start()
        wait_until(lambda: encoder._is_closed, "the order to close")
        gate.may_go_on.set()
        closing.join(20)
        assert not closing.is_alive()
    assert (projector.stopped, projector.encoded) == (1, [])


def test_nothing_of_a_chunk_is_kept_once_it_was_released() -> None:
    """Its pixels are some tens of MB."""

    class HeldChunk(SeenChunk):
        """One that can be referred to weakly."""

    with encoding(SeenProjector()) as encoder:
        wanted = HeldChunk(b"a" * 32, 6, 8, True, 1)
        kept = weakref.ref(wanted)
        encoded(encoder, wanted)
        del wanted
        wait_until(lambda: kept() is None, "the end of the chunk")
