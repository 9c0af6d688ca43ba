"""The image engine whose pictures are painted in forked processes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.native.rules import GB
from workers.engine import EngineLoadError
from workers.main_memory import main_memory

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel

log = logging.getLogger("nexa.worker.diffusion")


class KeptDiffusionEngine(DiffusionEngine):
    """Serves image jobs like its base, in processes that a keeper of the weights forks.

    If the library holds a GPU nevertheless, pictures are painted in this process.
    """

    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        from workers.diffusion.keeper.kept_model import KeptModel

        self._check_memory()
        kept = KeptModel(self._options, report)
        if kept.can_fork:
            return kept
        log.info("the model holds a GPU: pictures are painted in the worker itself")
        kept.close()
        return super().open_model(report)

    def _check_memory(self) -> None:
        """Check that the weights have room, which the library would find out too late.

        Raises:
            EngineLoadError: they have none.
        """
        if self._options.running.weight_type:  # their size in memory is not that of the files
            return
        files = (self._options.model_path, *self._options.files.values())
        needed = sum(os.stat(file).st_size for file in files if os.path.isfile(file))
        free = main_memory().free_bytes
        if needed > free:
            raise EngineLoadError(
                f"not enough memory: its weights take {needed / GB:.1f} GB, and {free / GB:.1f} GB are free"
            )
