"""A small picture at the start, which shows whether the parts of a pipeline belong together."""

from __future__ import annotations

from PIL import Image

from shared.wire.jobs import ImageJob
from workers.diffusion.painting import Listener, PaintError, Painting
from workers.engine import EngineLoadError
from workers.onnx.images.graph import GraphError
from workers.onnx.images.loading import Pipeline
from workers.onnx.images.model import SIDE, OnnxPictureModel

CFG_SCALE = 7.0


def check_together(model: OnnxPictureModel, pipeline: Pipeline, folder: str) -> None:
    """Run every graph once. The first request then waits for nothing that is done only once, either.

    Numbers that become too large are no reason to refuse a model: they depend on the picture.

    Raises:
        EngineLoadError: a part is another model's, or the scheduler's settings cannot be used.
    """
    width, height = (side or SIDE for side in pipeline.picture_size)
    has_input = pipeline.autoencoder.can_encode
    job = ImageJob(
        "a", width=width, height=height, steps=1, cfg_scale=CFG_SCALE, init=0 if has_input else None, strength=0.75
    )
    image = Image.new("RGB", (width, height)) if has_input else None
    try:
        model.paint(Painting(job, job.prompt, 1, [], image, None), Listener(), frozenset())
    except GraphError as error:
        raise EngineLoadError(f"{folder}: expected parts that belong together, got others: {error}") from None
    except PaintError:
        pass
    except Exception as error:  # of many types: settings and shapes may be anything
        told = " ".join(str(error).split())[:300] or type(error).__name__
        raise EngineLoadError(f"{folder}: expected parts that belong together, got others: {told}") from None
