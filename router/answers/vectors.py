"""Collects vectors and scores, and writes vectors as JSON."""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass, field

from router.answers.submission import SubmittedRequest
from router.http.bodies.byte_budget import ByteShare
from shared.wire.payloads import Scores, Vectors

NUMBER_BYTES = 4
"""Of a number on the wire: float32, little-endian."""

FLOAT_CHARS = 13
"""Of a number in JSON with its comma, at most about: ``-0.0123456789,``."""


@dataclass(slots=True)
class CollectedVectors:
    """The vectors of a request, as bytes, in the order of its inputs."""

    rows: list[bytes] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """Size of all vectors."""
        return sum(map(len, self.rows))

    def floats(self) -> list[str]:
        """Each vector as a JSON list. Nine digits are what a float32 is read back from exactly."""
        return [f"[{_numbers(row)}]" for row in self.rows]

    def base64(self) -> list[str]:
        """Each vector as a JSON string, the base64 of its bytes."""
        return [f'"{binascii.b2a_base64(row, newline=False).decode("ascii")}"' for row in self.rows]


async def collect_vectors(submitted: SubmittedRequest, inputs: int, share: ByteShare | None = None) -> CollectedVectors:
    """Collect the vectors of a request's job until it is done. They are taken from ``share``, if there is one.

    Raises:
        ApiError: the job failed, or was stopped by its user or by the server; 413, 429 or 503, the vectors need more
            memory than there is for requests.
    """
    rows: list[bytes] = [b""] * inputs
    async for _, payload in submitted.events():
        if isinstance(payload, Vectors):
            size = payload.dimensions * NUMBER_BYTES
            if share is not None:
                share.take(size * sum(not rows[index] for index in payload.indices))
            for place, index in enumerate(payload.indices):
                rows[index] = payload.data[place * size : (place + 1) * size]
    return CollectedVectors(rows)


async def collect_scores(submitted: SubmittedRequest, documents: int) -> list[float]:
    """Collect the scores of a request's job until it is done, in the order of its documents.

    Raises:
        ApiError: the job failed, or was stopped by its user or by the server.
    """
    scores = [0.0] * documents
    async for _, payload in submitted.events():
        if isinstance(payload, Scores):
            for index, score in zip(payload.indices, payload.values, strict=True):
                scores[index] = score
    return scores


def _numbers(row: bytes) -> str:
    count = len(row) // NUMBER_BYTES
    return ",".join(map("%.9g".__mod__, struct.unpack(f"<{count}f", row)))
