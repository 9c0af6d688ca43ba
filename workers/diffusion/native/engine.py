"""The image engine with a model in stable-diffusion.cpp."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.diffusion.engine import PictureEngine
from workers.diffusion.lora_fit import LoraFit
from workers.diffusion.native.info import picture_info
from workers.diffusion.native.opening import open_native
from workers.diffusion.native.rules import NativeRules
from workers.diffusion.options import DiffusionOptions

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel


class DiffusionEngine(PictureEngine):
    """Serves the image jobs of a checkpoint or GGUF file, one after the other, in this process."""

    def __init__(self, options: DiffusionOptions) -> None:
        fit = LoraFit((options.model_path, *options.files.values()))
        super().__init__(options.model_name, NativeRules(options.lora_folder, fit, picture_info(options)))
        self._options = options

    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        return open_native(self._options, report)
