"""The image engine with a model in stable-diffusion.cpp."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.memory.pictures.needs import PaintingNeeds
from workers.diffusion.engine import PictureEngine
from workers.diffusion.lora_fit import LoraFit
from workers.diffusion.native.info import picture_info
from workers.diffusion.native.opening import open_native
from workers.diffusion.native.rules import NativeRules
from workers.diffusion.options import DiffusionOptions

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel


class DiffusionEngine(PictureEngine):
    """Serves the image jobs of a checkpoint or GGUF file, one after the other, in this process.

    ``needs`` is what its pictures take of the main memory; None on a GPU, or if it is not known.
    """

    def __init__(
        self, options: DiffusionOptions, needs: PaintingNeeds | None = None, max_picture_s: float = 0.0
    ) -> None:
        fit = LoraFit((options.model_path, *options.files.values()))
        info = picture_info(options)
        rules = NativeRules(options.lora_folder, fit, info, needs, has_upscaler=bool(options.upscaler))
        super().__init__(options.model_name, rules, max_picture_s)
        self._options = options

    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        return open_native(self._options, report)
