"""What a projector is opened with."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings.text.media import MediaModelOptions


@dataclass(frozen=True, slots=True)
class ProjectorOptions:
    """``path`` is the file. Where pictures are taken in their own size, they have at most ``image_max_tokens``.

    ``threads`` is the number of CPU threads that encode.
    """

    path: str
    image_max_tokens: int
    threads: int

    @classmethod
    def of(cls, model: MediaModelOptions, threads: int) -> ProjectorOptions | None:
        """Those of a model, by its settings once it was found; None without a projector."""
        return cls(model.mmproj, model.image_max_tokens, threads) if model.mmproj else None
