"""The options of the llama engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from shared.settings import ModelSettings
from shared.settings.placement import LlamaCppOptions
from workers.llama.media.options import ProjectorOptions
from workers.text.options import TextOptions


@dataclass(frozen=True, slots=True)
class LlamaOptions(TextOptions):
    """One model's options. ``reasons`` say why they are as they are, where nobody asked for them.

    ``workers`` is how many load the model at once. ``mmproj`` is the path of its projector, empty if it has none, and
    ``image_max_tokens`` bounds a picture where it is taken in its own size.
    """

    native: LlamaCppOptions = field(default_factory=LlamaCppOptions)
    reasons: tuple[str, ...] = ()
    workers: int = 1
    mmproj: str = ""
    image_max_tokens: int = 1024

    @property
    def projector(self) -> ProjectorOptions | None:
        """How the projector is opened; None without one."""
        return ProjectorOptions(self.mmproj, self.image_max_tokens, self.threads) if self.mmproj else None

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> LlamaOptions:
        """The options of one model. ``threads`` is a worker's share of the cores."""
        options = TextOptions.of(model, threads)
        given = {item.name: getattr(options, item.name) for item in fields(options)}
        if model.batch_size:
            given["batch_tokens"] = model.batch_size
        given |= {"mmproj": model.mmproj, "image_max_tokens": model.image_max_tokens}
        return cls(**given, native=model, reasons=model.fitted, workers=model.workers)
