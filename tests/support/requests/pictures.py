"""Pictures for tests, as bytes."""

from __future__ import annotations

import base64
import struct
import zlib

from shared.wire.jobs import ImageJob, UpscaleJob
from shared.wire.payloads import Done, FinishReason, Payload, Picture, Progress, Started

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(grey: int = 128, side: int = 1) -> bytes:
    """A real PNG of one colour. Format: https://www.w3.org/TR/png-3/."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([grey]) * side) * side
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def painted(job: ImageJob) -> list[Payload]:
    """The events of an image job: all its steps, previews after the first ones, and its picture."""
    count = job.steps or 20
    steps = (Progress(step, count, png(step) if step <= job.previews else b"") for step in range(1, count + 1))
    picture = Picture(max(job.seed, 0), job.width or 64, job.height or 64, png(0, 8), job.format)
    return [Started(0, 0), *steps, picture, Done(FinishReason.STOP, 0, 0, 0, 0.1)]


def painted_or_enlarged(job: ImageJob | UpscaleJob) -> list[Payload]:
    """The events of a job for a picture, also of one that only enlarges."""
    if isinstance(job, ImageJob):
        return painted(job)
    return [Started(0, 0), Picture(0, 4, 4, png(5, 4)), Done(FinishReason.STOP, 0, 0, 0, 0.1)]
