"""Reading the header of a safetensors file: eight bytes with its length, then JSON. The file is not trusted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from shared.errors import ModelError

MAX_HEADER_BYTES = 64 * 1024 * 1024
"""Image models with all their parts have some hundred thousands."""

_LENGTH_BYTES = 8


def read_tensors(path: Path) -> dict[str, Any]:
    """What the header says of each tensor, by its name.

    Raises:
        ModelError: the file is damaged or truncated, or no safetensors file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        header_bytes = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if size_bytes < _LENGTH_BYTES or header_bytes > min(MAX_HEADER_BYTES, size_bytes - _LENGTH_BYTES):
            raise ModelError(f"{path.name}: expected a safetensors file, got one that is damaged or truncated")
        tensors = _parse(path, file.read(header_bytes))
    end_bytes = _LENGTH_BYTES + header_bytes + max((_end(tensor) for tensor in tensors.values()), default=0)
    if size_bytes < end_bytes:
        raise ModelError(
            f"{path.name}: expected at least {end_bytes:,} bytes, got {size_bytes:,}; the file is truncated"
        )
    return tensors


def _parse(path: Path, header: bytes) -> dict[str, Any]:
    try:
        found = json.loads(header)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ModelError(f"{path.name}: expected a safetensors file, got one that is damaged")
    return {name: tensor for name, tensor in found.items() if name != "__metadata__"}


def _end(tensor: Any) -> int:
    """Where a tensor's data ends, in bytes after the header; 0 if the entry does not say it."""
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    end = offsets[-1] if isinstance(offsets, list) and offsets else 0
    return end if isinstance(end, int) else 0
