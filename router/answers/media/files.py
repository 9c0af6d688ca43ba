"""Reads the pictures and recordings of a chat: each content once, with its hash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from router.images.dimensions import picture_dimensions
from router.images.input import read_image, read_inline
from router.schemas.errors import ApiError
from router.schemas.media.given import GivenMedium, MediumKind, SourceForm
from router.threads import Lane
from shared.settings import ServerSettings
from shared.wire.chat_media import MAX_PIXELS, MAX_RATIO

MAX_MEDIA = 16
"""Of one chat."""
READS_AT_ONCE = 4

_HASHING = Lane("hashes of media", threads=2, max_waiting=1024, timeout_s=60.0)


@dataclass(slots=True)
class MediaFiles:
    """The files of a chat as they came, each content once, with their hashes; ``places`` is which one a medium is."""

    blobs: list[bytes] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    places: dict[GivenMedium, int] = field(default_factory=dict)

    def add(self, medium: GivenMedium, data: bytes, digest: bytes) -> None:
        """Note what a medium is."""
        if digest not in self.digests:
            self.digests.append(digest)
            self.blobs.append(data)
        self.places[medium] = self.digests.index(digest)


async def read_files(media: Sequence[GivenMedium], settings: ServerSettings, take: Callable[[int], None]) -> MediaFiles:
    """Read the media of a chat, in order. ``take`` is called with the size of each in bytes.

    Raises:
        ApiError: 400, there are more than ``MAX_MEDIA``, or one cannot be read or has a shape that no model takes; 413
            or 415, its file is too large or no such file; what ``take`` raises. The message names the part.
    """
    if len(media) > MAX_MEDIA:
        field = media[MAX_MEDIA].field
        message = f"{field}: expected at most {MAX_MEDIA} pictures and recordings in a chat, got {len(media)}"
        raise ApiError(400, message, field)
    reading = asyncio.Semaphore(READS_AT_ONCE)
    tasks = [asyncio.ensure_future(_read(medium, settings, take, reading)) for medium in media]
    files = MediaFiles()
    try:
        for medium, task in zip(media, tasks, strict=True):
            files.add(medium, *await task)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return files


async def _read(
    medium: GivenMedium, settings: ServerSettings, take: Callable[[int], None], reading: asyncio.Semaphore
) -> tuple[bytes, bytes]:
    """A file and its hash."""
    async with reading:
        source = medium.take_source()
        if medium.form is SourceForm.ANY:
            data = await read_image(source, medium.field, settings)
        else:
            data = await read_inline(source, medium.kind, medium.field, settings)
        del source
        take(len(data))
        if medium.kind is MediumKind.IMAGE:
            _check_shape(data, medium.field)
        try:
            return data, await _HASHING.run(_digest, data)
        except TimeoutError as error:
            raise ApiError(503, f"{medium.field}: {error}; try again later", medium.field) from None


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _check_shape(data: bytes, field: str) -> None:
    """Check the size that a picture's header tells; workers check what they decode."""
    dimensions = picture_dimensions(data)
    if dimensions is None:
        return
    width, height = dimensions
    if width * height > MAX_PIXELS:
        raise ApiError(400, f"{field}: expected at most {MAX_PIXELS} pixels, got {width} x {height}", field)
    if Fraction(max(dimensions), min(dimensions)) > MAX_RATIO:
        expected = f"expected a side of at most {MAX_RATIO} times the other"
        raise ApiError(400, f"{field}: {expected}, got {width} x {height}", field)
