"""From a folder in diffusers' layout to the parts of a pipeline."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.engines.onnx.folders import read_json
from shared.errors import ModelError
from workers.engine import EngineLoadError
from workers.onnx.images.autoencoder import PIXELS, Autoencoder
from workers.onnx.images.graph import Graph, Interrupt
from workers.onnx.images.options import OnnxPictureOptions
from workers.onnx.images.prompts.encoders import PromptReader, TextEncoder
from workers.onnx.images.prompts.tokens import ClipTokenizer
from workers.onnx.images.sampling.levels import NoiseLevels
from workers.onnx.images.unet import UNet
from workers.onnx.session import open_session

SCALING = 0.18215
"""Of the latents of Stable Diffusion 1 and 2."""

_GRAPH = "model.onnx"

log = logging.getLogger("nexa.worker.diffusion")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts of a model. ``scheduler`` is its ``scheduler_config.json``."""

    reader: PromptReader
    unet: UNet
    autoencoder: Autoencoder
    levels: NoiseLevels
    scheduler: Mapping[str, Any]
    interrupt: Interrupt

    @property
    def picture_size(self) -> tuple[int | None, int | None]:
        """The only width and height of its pictures, where there is only one."""
        width, height = self.unet.latent_size
        return (None if width is None else width * PIXELS), (None if height is None else height * PIXELS)


def load_pipeline(options: OnnxPictureOptions, report: Callable[[float], None]) -> Pipeline:
    """Open all graphs of the folder, and call ``report`` with the fraction that is loaded.

    Raises:
        EngineLoadError: the folder is not complete, damaged, or another model's.
    """
    try:
        return _load(Path(options.path), options, report)
    except ModelError as error:
        raise EngineLoadError(str(error)) from None
    except (TypeError, ValueError, OverflowError) as error:
        raise EngineLoadError(
            f"{options.path}: expected the settings of Stable Diffusion, got others: {error}"
        ) from None


def _load(folder: Path, options: OnnxPictureOptions, report: Callable[[float], None]) -> Pipeline:
    index = read_json(folder / "model_index.json")
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    levels = NoiseLevels(scheduler)
    interrupt = Interrupt()
    graphs = _open_graphs(folder, options, interrupt, report)
    is_xl = "text_encoder_2" in graphs
    names = ["text_encoder", "text_encoder_2"] if is_xl else ["text_encoder"]
    encoders = [
        TextEncoder(ClipTokenizer(folder / name.replace("text_encoder", "tokenizer")), graphs[name], is_xl)
        for name in names
        if name in graphs
    ]
    unet = UNet(graphs["unet"], levels, str(scheduler.get("prediction_type", "epsilon")))
    reader = PromptReader(encoders, unet.max_chunks, is_xl and bool(index.get("force_zeros_for_empty_prompt", True)))
    settings = read_json(folder / "vae_decoder" / "config.json")
    scaling, shift = settings.get("scaling_factor") or SCALING, settings.get("shift_factor") or 0.0
    autoencoder = Autoencoder(graphs["vae_decoder"], graphs.get("vae_encoder"), float(scaling), float(shift))
    if (folder / "safety_checker").is_dir():
        log.info("the model's safety checker is not used", extra={"folder": str(folder)})
    return Pipeline(reader, unet, autoencoder, levels, scheduler, interrupt)


def _open_graphs(
    folder: Path, options: OnnxPictureOptions, interrupt: Interrupt, report: Callable[[float], None]
) -> dict[str, Graph]:
    """The graphs by the name of their folder."""
    names = ["text_encoder", "unet", "vae_decoder"]
    names += [name for name in ("text_encoder_2", "vae_encoder") if (folder / name / _GRAPH).is_file()]
    sizes = {name: _size_bytes(folder / name) for name in names}
    graphs: dict[str, Graph] = {}
    done = 0
    for name in names:
        session = open_session(folder / name / _GRAPH, options.provider, options.threads)
        graphs[name] = Graph(name, session, interrupt)
        done += sizes[name]
        report(done / max(sum(sizes.values()), 1))
    return graphs


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
