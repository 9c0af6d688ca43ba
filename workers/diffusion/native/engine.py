"""The image engine with a model in stable-diffusion.cpp."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.diffusion.engine import PictureEngine
from workers.diffusion.lora_fit import LoraFit
from workers.diffusion.native.opening import open_native
from workers.diffusion.native.rules import NativeRules
from workers.diffusion.options import DiffusionOptions

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel

log = logging.getLogger("nexa.worker.diffusion")


class DiffusionEngine(PictureEngine):
    """Serves the image jobs of a checkpoint or GGUF file, one after the other.

    With ``forks``, pictures are painted in processes that a keeper of the weights forks, if the weights are in main
    memory; otherwise in this process.
    """

    def __init__(self, options: DiffusionOptions, forks: bool = False) -> None:
        fit = LoraFit((options.model_path, *options.files.values()))
        super().__init__(options.model_name, NativeRules(options.lora_folder, fit))
        self._options = options
        self._forks = forks and sys.platform == "linux"

    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        if self._forks:
            from workers.diffusion.keeper.kept_model import KeptModel

            kept = KeptModel(self._options, report)
            if kept.can_fork:
                return kept
            log.info("the model holds a GPU: pictures are painted in the worker itself")
            kept.close()
        return open_native(self._options, report)
