"""Where the chunks of media are among the tokens of a sequence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workers.text.media.projector import MediaChunk


@dataclass(frozen=True, slots=True)
class MediaSpan:
    """The tokens from ``start`` to before ``end`` are those of ``chunk``. ``field`` names its medium in errors."""

    start: int
    chunk: MediaChunk
    field: str = "messages"

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.start + self.chunk.length


def position_of(spans: Iterable[MediaSpan], place: int) -> int:
    """The position of the token at a place, which is within no chunk but may begin one."""
    return place - sum(span.chunk.length - span.chunk.positions for span in spans if span.end <= place)
