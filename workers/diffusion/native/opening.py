"""Opening a model in stable-diffusion.cpp, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shared.distribution import how_to_install
from shared.engines.diffusion.checking import check_model
from shared.engines.diffusion.spec import DIFFUSION
from shared.errors import ModelError
from workers.diffusion.options import DiffusionOptions
from workers.engine import EngineLoadError

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel


def open_native(options: DiffusionOptions, report: Callable[[float], None]) -> PictureModel:
    """Load the model, calling ``report`` with the fraction loaded.

    Raises:
        EngineLoadError: the package is missing, or the model cannot be loaded.
    """
    try:
        from workers.diffusion.native.model import DiffusionModel
    except ImportError as error:
        raise EngineLoadError(f"image models need more packages ({error}): {how_to_install(DIFFUSION.extra)}") from None
    except (OSError, RuntimeError) as error:  # the package's own library could not be loaded
        raise EngineLoadError(str(error)) from None
    for path in (options.model_path, *options.files.values()):
        if not Path(path).exists():
            raise EngineLoadError(f"{path}: no such file")
    try:
        check_model(Path(options.painting_file), options.files)
    except (ModelError, OSError) as error:
        raise EngineLoadError(str(error)) from None
    return DiffusionModel(options, report)
