"""The image engine whose pictures are painted in forked processes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.diffusion.native.engine import DiffusionEngine

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel

log = logging.getLogger("nexa.worker.diffusion")


class KeptDiffusionEngine(DiffusionEngine):
    """Serves image jobs like its base, in processes that a keeper of the weights forks.

    If the library holds a GPU nevertheless, pictures are painted in this process.
    """

    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        from workers.diffusion.keeper.kept_model import KeptModel

        kept = KeptModel(self._options, report)
        if kept.can_fork:
            return kept
        log.info("the model holds a GPU: pictures are painted in the worker itself")
        kept.close()
        return super().open_model(report)
