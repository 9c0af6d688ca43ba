"""What a projector takes beside its model: weights, the buffers of one encoding, and what waits to be computed."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import lru_cache

from shared.errors import ModelError
from shared.gguf.header import GGUFHeader, read_gguf_header
from shared.settings import ModelSettings

_FLOAT_BYTES = 4
_EMBEDDING_COPIES = 8
_WIDE_COPIES = 2
"""How many vectors of a patch an encoder has at once: of its width, and of the widest values in its layers."""

_MERGED_SIDES, _MERGED_SIDE = {"gemma3": 4, "gemma4v": 3, "gemma4uv": 3}, 2
"""Patches of a token, in each direction, by the kinds of encoders whose headers do not tell it; and of others."""

_RECORDING_POSITIONS = 1_500
"""Of 30 s of sound, which encoders for recordings take at once."""

_MERGE_KEY, _SCALE_KEY = "clip.vision.spatial_merge_size", "clip.vision.projector.scale_factor"
_OWN_SIZES = ("gemma4", "qwen", "pixtral", "kimi", "glm4v")
"""Beginnings of the names of encoders that take pictures in their own size, where their headers lack the first key."""

_WHOLE = ("gemma3", "gemma4v", "gemma4uv")
_CAUSAL_WIDTHS = {"gemma4v": (1536, 2560)}
"""Kinds whose models compute all tokens of a picture in one batch, but for models of these widths."""

_COLOURS = 3


@dataclass(frozen=True, slots=True)
class ProjectorMemory:
    """In bytes. ``buffer_bytes`` are those of the largest picture, or of 30 s of sound, with its embeddings.

    ``token_bytes`` are the pixels of a picture's token, which are kept until its chat ends. The model computes
    ``whole_tokens`` of a picture at once; 0 if it may have any number.
    """

    weights_bytes: int
    buffer_bytes: int
    token_bytes: int
    whole_tokens: int


def projector_memory(model: ModelSettings) -> ProjectorMemory | None:
    """What a model's projector takes; None if it has none, or one that cannot be read, as its worker will tell."""
    if not model.mmproj:
        return None
    try:
        return _read(model.mmproj, os.stat(model.mmproj).st_mtime_ns, model.image_max_tokens)
    except (ModelError, OSError, ArithmeticError, ValueError):
        return None


@lru_cache(maxsize=16)
def _read(path: str, _changed_at_ns: int, image_max_tokens: int) -> ProjectorMemory:
    header = read_gguf_header(path)
    kind = str(header.metadata.get("clip.vision.projector_type") or header.metadata.get("clip.projector_type"))
    merged = _whole(header, _MERGE_KEY) or _whole(header, _SCALE_KEY) or _MERGED_SIDES.get(kind, _MERGED_SIDE)
    patch = _whole(header, "clip.vision.patch_size")
    patches = (_whole(header, "clip.vision.image_size") // max(1, patch)) ** 2
    if _MERGE_KEY in header.metadata or kind.startswith(_OWN_SIZES):
        patches = image_max_tokens * merged**2
    patches = min(patches, 1 << 20)
    buffers = max(_of_positions(header, "vision", patches), _of_recordings(header))
    is_whole = kind in _WHOLE and _whole(header, "clip.vision.projection_dim") not in _CAUSAL_WIDTHS.get(kind, ())
    pixels = min(patch * merged, 1 << 10) ** 2
    whole_tokens = patches // merged**2 if is_whole else 0
    return ProjectorMemory(header.tensor_data_bytes, buffers, _COLOURS * _FLOAT_BYTES * pixels, whole_tokens)


def _of_recordings(header: GGUFHeader) -> int:
    return _of_positions(header, "audio", _RECORDING_POSITIONS)


def _of_positions(header: GGUFHeader, encoder: str, positions: int) -> int:
    """Vectors of all positions, and the mask of their attention, which flash attention computes without scores."""
    width = _whole(header, f"clip.{encoder}.embedding_length")
    wide = _whole(header, f"clip.{encoder}.feed_forward_length")
    if not width:
        return 0
    values = positions * (_EMBEDDING_COPIES * width + _WIDE_COPIES * wide)
    projected = positions * _whole(header, f"clip.{encoder}.projection_dim")
    return math.ceil(values + projected + positions**2) * _FLOAT_BYTES


def _whole(header: GGUFHeader, key: str) -> int:
    value = header.metadata.get(key)
    return min(value, 1 << 24) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
