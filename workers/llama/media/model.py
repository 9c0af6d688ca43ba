"""A text model with a projector."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.models.adapters import AdapterFile
from shared.settings.placement import LlamaCppOptions
from workers.llama.media.decoder import MediaContext
from workers.llama.media.options import ProjectorOptions
from workers.llama.media.projector import LlamaProjector
from workers.llama.native.model import USUAL, LlamaModel
from workers.llama.native.repacking import Use
from workers.text.model import DecoderSize

log = logging.getLogger("nexa.llama")


class SeeingLlama(LlamaModel):
    """A model of llama.cpp that sees or hears. Implements ``SeeingModel`` of :mod:`workers.text.media.projector`.

    ``projector_options`` are those of its projector, the other arguments those of :class:`LlamaModel`.

    Raises:
        EngineLoadError: as there; or the projector cannot be read, or does not fit.
    """

    def __init__(
        self,
        projector_options: ProjectorOptions,
        path: str,
        options: LlamaCppOptions,
        report: Callable[[float], None],
        reasons: Sequence[str] = (),
        adapters: Sequence[AdapterFile] = (),
        use: Use = USUAL,
    ) -> None:
        super().__init__(path, options, report, reasons, adapters, use)
        try:
            self.projector = LlamaProjector(projector_options, self.native, self.on_gpu)
        except BaseException:
            super().close()
            raise
        log.info(
            "projector loaded",
            extra={"mmproj": Path(projector_options.path).name, "takes": ",".join(self.projector.media)},
        )

    def open_decoder(self, size: DecoderSize) -> MediaContext:
        """A context that decodes embeddings too; it computes as many at once as the largest chunk needs.

        Raises:
            EngineLoadError: as for :class:`LlamaModel`.
        """
        return self._opened(MediaContext, size, self.projector.whole_tokens)

    def close(self) -> None:
        """Free projector and weights."""
        self.projector.close()
        super().close()
