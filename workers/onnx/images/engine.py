"""The image engine with a pipeline in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.diffusion.engine import PictureEngine
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
        import workers.onnx.session  # noqa: F401  # first: it says which package is missing

        # isort: split
        from workers.onnx.images.loading import load_pipeline
        from workers.onnx.images.model import OnnxPictureModel

        pipeline = load_pipeline(self._options, report)
        self._onnx_rules.has_encoder = pipeline.autoencoder.can_encode
        self._onnx_rules.layers = pipeline.reader.layers
        self._onnx_rules.size = pipeline.picture_size
        return OnnxPictureModel(pipeline)
