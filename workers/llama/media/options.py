"""What a projector is opened with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProjectorOptions:
    """``path`` is the file. Where pictures are taken in their own size, they have at most ``image_max_tokens``.

    ``threads`` is the number of CPU threads that encode.
    """

    path: str
    image_max_tokens: int
    threads: int
