"""The work of a job as bytes: packed once, however often it is sent, and for all choices of one prompt.

It is a frame of its own, behind :class:`~shared.wire.messages.Submit`, which has the seed: that is all in which the
choices of a prompt differ.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from msgspec.structs import replace

from shared.wire.codec import Decoder, encode
from shared.wire.jobs import ImageJob, TextJob, Work

MAX_WORK_BYTES = 8 * 1024 * 1024
"""Size of a job without its files. While a worker unpacks it, its other threads stand still: up to half a second."""

_WORKS: Decoder[Work] = Decoder(Work)
_MANY_BYTES = 64 * 1024


class WorkTooLarge(ValueError):
    """A job is larger than ``MAX_WORK_BYTES``."""


class PackedWork:
    """The work of a job, or of several that differ only in their seeds."""

    def __init__(self, work: Work, frame: bytes | None = None) -> None:
        self.work = work
        if frame is not None:
            self.frame = frame

    @cached_property
    def frame(self) -> bytes:
        """The work as it is sent.

        Raises:
            WorkTooLarge: no worker would take it.
        """
        frame = encode(self.work)
        if len(frame) > MAX_WORK_BYTES:
            raise WorkTooLarge(f"body: expected a request of up to {MAX_WORK_BYTES} bytes, got {len(frame)}")
        return frame

    def also_packs(self, work: Work) -> bool:
        """Whether ``work`` differs only in its seed."""
        return with_seed(work, seed_of(self.work)) == self.work


def unpack(frame: bytes | memoryview, seed: int | None) -> Work:
    """The work in ``frame``, with this seed.

    Raises:
        shared.wire.codec.WireError: ``frame`` is not a work of this protocol version.
    """
    with _no_collection(len(frame) > _MANY_BYTES):
        return with_seed(_WORKS.decode(frame), seed)


def seed_of(work: Work) -> int | None:
    """The seed of ``work``, if it has one."""
    match work:
        case TextJob():
            return work.sampling.seed
        case ImageJob():
            return work.seed
        case _:
            return None


def with_seed(work: Work, seed: int | None) -> Work:
    """``work`` with another seed, if it has one."""
    if seed is None or seed == seed_of(work):
        return work
    match work:
        case TextJob():
            return replace(work, sampling=replace(work.sampling, seed=seed))
        case ImageJob():
            return replace(work, seed=seed)
        case _:
            return work


@contextmanager
def _no_collection(pause: bool) -> Iterator[None]:
    """Do not look for garbage among objects that are just made: with millions of them that takes four times as long."""
    pause = pause and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


def pack_all(works: Sequence[Work]) -> list[PackedWork]:
    """Works as they are sent. Neighbours that differ only in their seeds share one."""
    packed: list[PackedWork] = []
    for work in works:
        packed.append(packed[-1] if packed and packed[-1].also_packs(work) else PackedWork(work))
    return packed
