"""From a chat's files to the chunks of its model's projector."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Collection, Sequence

import numpy as np

from shared.wire.jobs import MediaKind
from shared.wire.payloads import JobError
from workers.text.cache.pseudo_tokens import pseudo_tokens
from workers.text.media.markers import MediaPart
from workers.text.media.media import DecodedMedium, DecodedPicture, DecodedRecording
from workers.text.media.projector import MediaChunk, Projector
from workers.text.media.spans import MediaSpan
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.limits import MIN_WALL_S, WALL_PER_CPU
from workers.text.sandbox.messages import Decode
from workers.text.sandbox.sandbox import Limit, LimitExceeded, Sandbox

DECODING_BYTES = 1500 * 1000 * 1000
"""For one file. The largest picture and the longest recording that are allowed take a third of it."""

READING_S = 45.0
"""For all files of a chat. A worker that gets nowhere for a minute counts as hung."""

NOT_SUPPORTED = "media_not_supported"

Pieces = list[list[int] | MediaChunk]
"""The tokens and chunks of a medium, in order."""


class TooManyTokens(Exception):
    """The media of a chat have more tokens than it may have. ``tokens`` are those up to the one that is too much."""

    def __init__(self, tokens: int) -> None:
        super().__init__(f"{tokens} tokens")
        self.tokens = tokens


class MediaReader:
    """Reads files of the ``taken`` kinds for a ``projector``, None for a model without. Threads may share it."""

    def __init__(self, sandbox: Sandbox, projector: Projector | None, taken: Collection[MediaKind]) -> None:
        self._sandbox = sandbox
        self._projector = projector
        self._taken = taken
        self._lock = threading.Lock()

    def check(self, parts: list[MediaPart]) -> None:
        """Check that the model takes all of these.

        Raises:
            JobError: 400, it does not.
        """
        for part in parts:
            if part.kind not in self._taken:
                message = f"{part.field}: expected text, got a {part.noun}, which this model does not take"
                raise JobError(400, message, part.field, NOT_SUPPORTED)

    def read(self, part: MediaPart, data: memoryview, until_s: float, attempt: PreparationAttempt) -> Pieces:
        """What the projector makes of a file, which it has to begin until then, an instant on the monotonic clock.

        Raises:
            JobError: 400, it is no such file, or the model cannot take it; 503, it takes too long.
            Cancelled: the attempt was cancelled.
        """
        assert self._projector is not None
        medium = self._decoded(part, data, _limits_until(until_s, part), attempt)
        if not self._lock.acquire(timeout=max(until_s - time.monotonic(), 0.0)):  # others have long recordings
            raise _too_slow(part)
        try:
            return self._projector.chunks(medium)
        except JobError as error:
            failed = error.failed
            raise JobError(failed.status, f"{part.field}: {failed.message}", part.field, failed.code) from None
        finally:
            self._lock.release()

    def _decoded(self, part: MediaPart, data: memoryview, limits: Limits, attempt: PreparationAttempt) -> DecodedMedium:
        assert self._projector is not None
        rate = self._projector.sample_rate if part.kind == "audio" else 0
        try:
            found = self._sandbox.decode(Decode(part.kind, bytes(data), part.field, rate), limits, attempt)
        except LimitExceeded as exceeded:
            raise _limit_error(part, exceeded.limit) from None
        digest = hashlib.sha256(found.data)
        digest.update(f"{part.kind} {rate} {found.width} {found.height}".encode())
        if part.kind == "image":
            pixels = np.frombuffer(found.data, np.uint8).reshape(found.height, found.width, 3)
            return DecodedPicture(pixels, digest.digest())
        return DecodedRecording(np.frombuffer(found.data, np.float32), digest.digest())


class ChatMedia:
    """The media of one chat. Each of its ``files`` is read once, however often the chat or its template has it.

    They have ``most_tokens`` together with the texts before them, and :data:`READING_S`.
    """

    def __init__(
        self, reader: MediaReader, files: Sequence[memoryview], attempt: PreparationAttempt, most_tokens: int
    ) -> None:
        self._reader = reader
        self._files = files
        self._attempt = attempt
        self._most_tokens = most_tokens
        self._until_s = time.monotonic() + READING_S
        self._read: dict[tuple[MediaKind, int], Pieces] = {}

    def tokens(self, part: MediaPart, start: int) -> tuple[list[int], list[MediaSpan]]:
        """The tokens of one medium that begins at the place ``start`` of a prompt, and its chunks.

        Raises:
            JobError: as for :meth:`MediaReader.read`.
            TooManyTokens: there are more with these.
            Cancelled: the attempt was cancelled.
        """
        file = part.kind, part.blob
        if file not in self._read:
            self._read[file] = self._reader.read(part, self._files[part.blob], self._until_s, self._attempt)
        tokens, spans = list[int](), list[MediaSpan]()
        for piece in self._read[file]:
            if isinstance(piece, list):
                tokens += [token for token in piece if token >= 0]  # the vocabulary may lack a marker
                continue
            spans.append(MediaSpan(start + len(tokens), piece, part.field))
            tokens += pseudo_tokens(piece.key, piece.length, piece.positions)
        if start + len(tokens) > self._most_tokens:
            raise TooManyTokens(start + len(tokens))
        return tokens, spans


def _limits_until(until_s: float, part: MediaPart) -> Limits:
    left_s = until_s - time.monotonic()
    if left_s < MIN_WALL_S:
        raise _too_slow(part)
    return Limits(left_s / WALL_PER_CPU, DECODING_BYTES)


def _too_slow(part: MediaPart) -> JobError:
    expected = f"expected files that are read within {READING_S:g} s together, got slower ones"
    return JobError(503, f"{part.field}: {expected}; send fewer or smaller ones, or try again later", part.field)


def _limit_error(part: MediaPart, limit: Limit) -> JobError:
    if limit is Limit.WAITING:
        return JobError(503, f"{part.field}: the machine is too busy to decode it; try again later", part.field)
    got = "that ends its decoder" if limit is Limit.CRASH else f"that exceeds that of {limit}"
    expected = f"a {part.noun} that is decoded within limits, got one {got}"
    return JobError(400, f"{part.field}: expected {expected}", part.field, "invalid_media")
