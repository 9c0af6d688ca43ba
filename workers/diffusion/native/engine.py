"""The image engine with a model in stable-diffusion.cpp."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shared.distribution import how_to_install
from shared.engines.diffusion import DIFFUSION
from workers.diffusion.engine import PictureEngine
from workers.diffusion.lora_fit import LoraFit
from workers.diffusion.native.rules import NativeRules
from workers.diffusion.options import DiffusionOptions
from workers.engine import EngineLoadError

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel


class DiffusionEngine(PictureEngine):
    """Serves the image jobs of a checkpoint or GGUF file, one after the other."""

    def __init__(self, options: DiffusionOptions) -> None:
        fit = LoraFit((options.model_path, *options.files.values()))
        super().__init__(options.model_name, NativeRules(options.lora_folder, fit))
        self._options = options

    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        try:
            from workers.diffusion.native.model import DiffusionModel
        except ImportError as error:
            raise EngineLoadError(
                f"image models need more packages ({error}): {how_to_install(DIFFUSION.extra)}"
            ) from None
        except (OSError, RuntimeError) as error:  # the package's own library could not be loaded
            raise EngineLoadError(str(error)) from None
        for path in (self._options.model_path, *self._options.files.values()):
            if not Path(path).exists():
                raise EngineLoadError(f"{path}: no such file")
        return DiffusionModel(self._options, report)
