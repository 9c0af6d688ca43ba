"""What a worker answers to jobs for vectors and scores, for the fake broker."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from shared.wire.jobs import EmbedJob, RerankJob
from shared.wire.payloads import Done, FinishReason, Payload, Scores, Started, Vectors

DIMENSIONS = 4


def vector(index: int, dimensions: int) -> bytes:
    return struct.pack(f"<{dimensions}f", *(index + place / 10 for place in range(dimensions)))


def script_of(work: EmbedJob | RerankJob) -> Sequence[Payload]:
    """Vectors in two parts, the last input first; scores that rise with the index."""
    done = Done(FinishReason.STOP, 9, 0, 0, 0.01)
    if isinstance(work, RerankJob):
        count = len(work.documents)
        return [Started(9, 0), Scores(list(range(count)), [index / count for index in range(count)]), done]
    dimensions = work.dimensions or DIMENSIONS
    last, *rest = range(len(work.inputs))[::-1]
    parts = [
        Vectors(indices, dimensions, b"".join(vector(index, dimensions) for index in indices))
        for indices in ([last], rest)
        if indices
    ]
    return [Started(9, 0), *parts, done]
