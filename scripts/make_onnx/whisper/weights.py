"""Whisper's weights by name, as CTranslate2 calls them: read from its files, or random."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""CTranslate2's codes of types."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """A model's sizes. Encoder and decoder have the same number of layers."""

    width: int
    layers: int
    heads: int
    mels: int
    vocabulary: int


def read_ctranslate(files: list[Path]) -> dict[str, Array]:
    """The weights in a file that may be split into parts."""
    joined = b"".join(file.read_bytes() for file in files)
    source = io.BytesIO(joined)
    _number(source, "<I")
    _text(source)
    _number(source, "<I")
    found = {}
    for _ in range(_number(source, "<I")):
        name = _text(source)
        shape = tuple(_number(source, "<I") for _ in range(_number(source, "<B")))
        kind = _TYPES[_number(source, "<B")]
        content = source.read(_number(source, "<I"))
        array = np.frombuffer(content, kind).reshape(shape)
        if array.dtype in (np.float16, np.float32):
            found[name] = array.astype(np.float32)
    return found


def sizes_of(weights: dict[str, Array]) -> Sizes:
    """The sizes of a published model. Its heads are 64 wide."""
    width, mels, _ = weights["encoder/conv1/weight"].shape
    layers = sum(name.startswith("encoder/layer_") and name.endswith("ffn/linear_0/weight") for name in weights)
    return Sizes(width, layers, width // 64, mels, len(weights["decoder/embeddings/weight"]))


def random_weights(sizes: Sizes, seed: int = 0) -> dict[str, Array]:
    """Weights of a model that says nothing sensible, the same for the same seed."""
    random = np.random.default_rng(seed)
    width = sizes.width

    def normal(*shape: int) -> Array:
        return random.normal(0, 0.3, shape).astype(np.float32)

    weights = {
        "encoder/conv1/weight": normal(width, sizes.mels, 3),
        "encoder/conv1/bias": normal(width),
        "encoder/conv2/weight": normal(width, width, 3),
        "encoder/conv2/bias": normal(width),
        "encoder/position_encodings/encodings": normal(1500, width),
        "decoder/embeddings/weight": normal(sizes.vocabulary, width),
        "decoder/position_encodings/encodings": normal(448, width),
    }
    for side in ("encoder", "decoder"):
        norms = [f"{side}/layer_norm"]
        for layer in range(sizes.layers):
            part = f"{side}/layer_{layer}"
            linears = {"self_attention/linear_0": (3 * width, width), "self_attention/linear_1": (width, width)}
            linears |= {"ffn/linear_0": (4 * width, width), "ffn/linear_1": (width, 4 * width)}
            norms += [f"{part}/self_attention/layer_norm", f"{part}/ffn/layer_norm"]
            if side == "decoder":
                linears |= {"attention/linear_0": (width, width), "attention/linear_1": (2 * width, width)}
                linears |= {"attention/linear_2": (width, width)}
                norms.append(f"{part}/attention/layer_norm")
            for name, shape in linears.items():
                weights |= {f"{part}/{name}/weight": normal(*shape), f"{part}/{name}/bias": normal(shape[0])}
        for name in norms:
            weights |= {f"{name}/gamma": 1 + normal(width), f"{name}/beta": normal(width)}
    return weights


def _number(source: BinaryIO, form: str) -> int:
    (number,) = struct.unpack(form, source.read(struct.calcsize(form)))
    return int(number)


def _text(source: BinaryIO) -> str:
    return source.read(_number(source, "<H"))[:-1].decode()
