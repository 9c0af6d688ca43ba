"""What a projector takes beside its model: weights, and the buffers of one encoding."""

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

_MERGED_SIDE = 2
"""Patches of a token, in each direction, of encoders that take pictures in their own size and do not tell it."""

_RECORDING_POSITIONS = 1_500
"""Of 30 s of sound, which encoders for recordings take at once."""

_MERGE_KEY = "clip.vision.spatial_merge_size"
_OWN_SIZES = ("qwen", "pixtral", "kimi", "glm4v")
"""Beginnings of the names of encoders that take pictures in their own size, where their headers have no such key."""


@dataclass(frozen=True, slots=True)
class ProjectorMemory:
    """In bytes. ``buffer_bytes`` are those of the largest picture, or of 30 s of sound, with its embeddings."""

    weights_bytes: int
    buffer_bytes: int


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
    buffers = max(_of_pictures(header, image_max_tokens), _of_recordings(header))
    return ProjectorMemory(header.tensor_data_bytes, buffers)


def _of_pictures(header: GGUFHeader, image_max_tokens: int) -> int:
    side = _whole(header, "clip.vision.image_size") // max(1, _whole(header, "clip.vision.patch_size"))
    patches = side**2
    kinds = (header.metadata.get(f"clip.{part}projector_type") for part in ("", "vision."))
    if _MERGE_KEY in header.metadata or any(str(kind).startswith(_OWN_SIZES) for kind in kinds):
        patches = image_max_tokens * (_whole(header, _MERGE_KEY) or _MERGED_SIDE) ** 2
    return _of_positions(header, "vision", min(patches, 1 << 20))


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
