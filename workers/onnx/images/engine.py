"""The image engine with a pipeline in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.distribution import how_to_install
from shared.engines.onnx.folders import EXTRA
from workers.diffusion.engine import PictureEngine
from workers.engine import EngineLoadError
from workers.onnx.images.options import OnnxPictureOptions
from workers.onnx.images.rules import OnnxRules

if TYPE_CHECKING:
    from workers.diffusion.painting import PictureModel


class OnnxPictureEngine(PictureEngine):
    """Serves the image jobs of a folder in diffusers' layout, one after the other."""

    def __init__(self, options: OnnxPictureOptions) -> None:
        self._onnx_rules = OnnxRules()
        super().__init__(options.model_name, self._onnx_rules)
        self._options = options

    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        try:
            from workers.onnx.images.loading import load_pipeline
            from workers.onnx.images.model import OnnxPictureModel
            from workers.onnx.images.trial import check_together
        except ImportError as error:
            raise EngineLoadError(f"images in ONNX need more packages ({error}): {how_to_install(EXTRA)}") from None
        pipeline = load_pipeline(self._options, report)
        self._onnx_rules.has_encoder = pipeline.autoencoder.can_encode
        self._onnx_rules.layers = pipeline.reader.layers
        self._onnx_rules.size = pipeline.picture_size
        model = OnnxPictureModel(pipeline)
        check_together(model, pipeline, self._options.path)
        return model
