"""The shape of a text model in GGUF: what its memory depends on, from the headers of all its parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from shared.engines.embedding import ENCODERS
from shared.engines.gguf_files import split_parts
from shared.errors import ModelError
from shared.gguf.ggml_types import GGML_TYPES
from shared.gguf.header import GGUFHeader, read_gguf_header
from shared.memory.layers import Keys, LayerShape, layers_of, rows_of, size_of
from shared.settings import ModelSettings

_CACHE_LAYOUTS = {layout.name.lower(): layout for layout in GGML_TYPES.values()}
_TOKENS = "tokenizer.ggml.tokens"


@dataclass(frozen=True)
class TextShape:
    """A model. ``input_bytes`` are the weights before the layers, which the CPU keeps; ``output_bytes`` those after.

    ``trained_tokens`` is 0 if the header does not say it. ``has_cache`` is False for encoders. ``window`` is that of
    the layers with a sliding window, in tokens; 0 without such layers.
    """

    layers: tuple[LayerShape, ...]
    input_bytes: int
    output_bytes: int
    tied_bytes: int
    embedding: int
    heads: int
    vocabulary: int
    trained_tokens: int
    has_cache: bool
    window: int = 0

    @property
    def weight_bytes(self) -> int:
        """All weights, each once."""
        return self.input_bytes + self.output_bytes + sum(layer.weight_bytes for layer in self.layers)

    @cached_property
    def is_recurrent(self) -> bool:
        """Whether a sequence has states beside, or instead of, the KV cache."""
        return any(layer.state_bytes for layer in self.layers)

    @property
    def wide(self) -> int:
        """The largest number of values that a token has within a layer."""
        return max((layer.wide for layer in self.layers), default=self.embedding)

    def kv_bytes_per_token(self, type_k: str, type_v: str) -> float:
        """What a token takes of the KV cache, in all layers together."""
        return sum(cached_bytes(layer, type_k, type_v) for layer in self.layers) if self.has_cache else 0.0


def cached_bytes(layer: LayerShape, type_k: str, type_v: str) -> float:
    """What a token takes of the KV cache in one layer."""
    return layer.keys * _element_bytes(type_k) + layer.values * _element_bytes(type_v)


def _element_bytes(cache_type: str) -> float:
    layout = _CACHE_LAYOUTS[cache_type]
    return layout.block_bytes / layout.block_elements


def read_shape(path: str) -> TextShape:
    """Read the headers of a model and of all its parts. With a large vocabulary it takes some tenths of a second.

    Raises:
        GGUFError: a part is damaged or truncated.
        ValueError: it has more layers than any model.
        OSError: a part is missing or cannot be read.
    """
    first = Path(path)
    return shape_of([read_gguf_header(first.parent / name) for name in split_parts(first.name)])


def shape_of(headers: Sequence[GGUFHeader]) -> TextShape:
    """The shape of a model with these headers, one for each of its parts."""
    first = headers[0]
    keys = Keys(first.architecture, first.metadata)
    tensors = [tensor for header in headers for tensor in header.tensors]
    others = {tensor.name: tensor for tensor in tensors if not tensor.name.startswith("blk.")}
    output = {name: tensor for name, tensor in others.items() if name.startswith("output")}
    embedded = others.get("token_embd.weight")
    layers = layers_of(tensors, keys)
    return TextShape(
        layers=layers,
        input_bytes=sum(size_of(tensor) for name, tensor in others.items() if name not in output),
        output_bytes=sum(size_of(tensor) for tensor in output.values()),
        tied_bytes=size_of(embedded) if embedded is not None and "output.weight" not in output else 0,
        embedding=keys["embedding_length"],
        heads=keys.heads,
        vocabulary=max(rows_of(embedded), first.array_lengths.get(_TOKENS, 0)),
        trained_tokens=keys["context_length"],
        has_cache=first.architecture not in ENCODERS,
        window=keys["attention.sliding_window"] if any(layer.has_window for layer in layers) else 0,
    )


def drafting_shape(model: ModelSettings) -> TextShape | None:
    """The shape of a model's draft model; None if it has none, or one that cannot be read, as its worker will tell."""
    if not model.draft_file:
        return None
    try:
        return _read(model.draft_file, os.stat(model.draft_file).st_mtime_ns)
    except (ModelError, OSError, ArithmeticError, LookupError, ValueError):
        return None


@lru_cache(maxsize=16)
def _read(path: str, _changed_at_ns: int) -> TextShape:
    return read_shape(path)
