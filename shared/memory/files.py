"""Estimates by the size of a model's files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from shared.engines.gguf_files import each_part
from shared.engines.onnx.folders import GRAPH_SUFFIX
from shared.engines.onnx.speech import Decoders, decoders_of
from shared.memory.processes import MB, ONNX_BYTES, SANDBOX_BYTES
from shared.models.adapters import adapters_of
from shared.settings import ModelSettings
from shared.settings.images.parts import PARTS

MAX_FILES = 2_000
"""Files of a folder that are looked at, and parts of a split model."""

VAE_CHANNELS = 128
"""Of the autoencoders of all models that are known, except for tiny ones."""

_VAE_BYTES = 99 * MB
"""Of a decoder with so many channels in halves."""

_VAE_VALUES_PER_PIXEL = 13
"""How many values an autoencoder has at once for each pixel and each of its channels."""

_FLOAT_BYTES = 4
_NO_WEIGHTS = (".json", ".txt", ".md", ".png", ".jinja")


def all_bytes(model: ModelSettings) -> int:
    """The size of a model's file with its parts, or of all files in its folder."""
    path = Path(model.path)
    if not model.path:
        return 0
    return sum(map(_size, _in_folder(path))) if path.is_dir() else sum(map(_size, _parts(path)))


def adapter_bytes(model: ModelSettings) -> int:
    """The size of a text model's adapters, which a worker has in memory beside the weights."""
    return sum(_size(Path(adapter.path)) for adapter in adapters_of(model.adapters))


def side_files(model: ModelSettings) -> list[Path]:
    """The files beside a model's own that its worker reads: adapters, projectors, and the parts of an image model."""
    parts = (model.mmproj, *(getattr(model, option) for option in PARTS))
    return [*(Path(adapter.path) for adapter in adapters_of(model.adapters)), *(Path(part) for part in parts if part)]


def files_stamp(model: ModelSettings) -> tuple[int, ...]:
    """What changes with a model's files, if only their names stay: sizes and times of change."""
    try:
        size = all_bytes(model)
    except (OSError, ValueError):
        size = 0
    files = [*([Path(model.path)] if model.path else []), *side_files(model)]
    return size, *(number for file in files for number in _changed(file))


def _changed(file: Path) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns


def largest_adapter_bytes(folder: str) -> int:
    """The size of the largest file in a folder of LoRA files, of which a picture may name any."""
    if not folder:
        return 0
    try:
        return max(map(_size, islice(Path(folder).iterdir(), MAX_FILES)), default=0)
    except OSError:
        return 0


def onnx(model: ModelSettings) -> tuple[int, int, int]:
    """Weights, what fills with use, and processes of a model in ONNX, in bytes.

    onnxruntime keeps weights in the layout that suits the CPU, beside the graph, and takes buffers as large as the
    computations need: arenas, which never shrink.
    """
    factor, buffers, beside = _ONNX[model.engine]
    later = _picture_bytes(model) if model.engine == "onnx-images" else 0
    return round(factor * sum(map(_size, _graphs(model)))), later, ONNX_BYTES + buffers + beside


_ONNX = {
    "onnx-embedding": (1.3, 40 * MB, 0),
    "onnx-images": (1.3, 10 * MB, 0),
    "onnx-speech": (2.1, 80 * MB, 0),
    "onnx-text": (1.1, 130 * MB, SANDBOX_BYTES + 60 * MB),
}
"""Of each engine: weights by the size of their files, buffers, and what is beside the worker; as measured."""


def _picture_bytes(model: ModelSettings) -> int:
    """What the autoencoder has at once; the size of its file tells how many channels it has."""
    size = _size(Path(model.path) / "vae_decoder" / "model.onnx")
    size += _size(Path(model.path) / "vae_decoder" / "model.onnx_data")
    channels = VAE_CHANNELS * min(1.0, math.sqrt(size / _VAE_BYTES))
    return round(decoding_bytes(channels, model.max_image_side))


def decoding_bytes(channels: float, side: int) -> float:
    """What an autoencoder with these channels takes to decode a picture of this side in pixels."""
    return _VAE_VALUES_PER_PIXEL * channels * _FLOAT_BYTES * side**2


def _graphs(model: ModelSettings) -> Iterable[Path]:
    """A model's graphs, with the files of their weights."""
    path = Path(model.path)
    if path.is_dir():
        return _in_folder(path)
    graphs = [path]
    if model.engine == "onnx-speech":
        decoders = decoders_of(path) or Decoders(path)
        graphs += [graph for graph in (decoders.first, decoders.next) if graph is not None and graph != path]
    return [file for graph in graphs for file in _with_weights(graph)]


def _with_weights(graph: Path) -> list[Path]:
    stem = graph.name.removesuffix(GRAPH_SUFFIX)
    others = islice(graph.parent.iterdir(), MAX_FILES)
    return [graph, *(file for file in others if file.name.startswith((f"{stem}.onnx_data", f"{stem}.onnx.data")))]


def _in_folder(folder: Path) -> Iterator[Path]:
    """The files of a folder, and of those in it, that may hold weights."""
    entries = list(islice(folder.iterdir(), MAX_FILES))
    for entry in entries:
        if entry.is_dir():
            yield from (file for file in islice(entry.iterdir(), MAX_FILES) if _may_be_weights(file))
        elif _may_be_weights(entry):
            yield entry


def _may_be_weights(file: Path) -> bool:
    return file.suffix.lower() not in _NO_WEIGHTS and file.is_file()


def _parts(path: Path) -> Iterator[Path]:
    return (path.parent / name for name in islice(each_part(path.name), MAX_FILES))


def _size(file: Path) -> int:
    """The size of a file; 0 for one that is not there."""
    try:
        return os.stat(file).st_size
    except OSError:
        return 0
