"""Looks into files whose names say too little: is a checkpoint a whole image model, and the model of a folder Whisper?

A search for models finds many such files. Those that a user names are opened without this test.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from shared.engines.helper_files import HelperFileError
from shared.errors import ModelError

MAX_HEADER_BYTES = 64 * 1024 * 1024
"""Of a safetensors file."""

_UNET = "model.diffusion_model."
_AUTOENCODER = ("first_stage_model.", "vae.")
_WHISPER = b"WhisperSpec"
_CTRANSLATE2_HEAD_BYTES = 64


def check_checkpoint(path: Path) -> None:
    """Check that a safetensors file is complete, and an image model with all its parts.

    Raises:
        HelperFileError: it holds something else: an adapter, a part of an image model, or another model.
        ModelError: it is damaged or truncated.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        header_bytes = int.from_bytes(file.read(8), "little")
        if size_bytes < 8 or header_bytes > min(MAX_HEADER_BYTES, size_bytes - 8):
            raise ModelError(f"{path.name}: expected a safetensors file, got one that is damaged or truncated")
        tensors = _tensors(path, file.read(header_bytes))
    end_bytes = 8 + header_bytes + max((_end(tensor) for tensor in tensors.values()), default=0)
    if size_bytes < end_bytes:
        raise ModelError(
            f"{path.name}: expected at least {end_bytes:,} bytes, got {size_bytes:,}; the file is truncated"
        )
    if not all(any(name.startswith(part) for name in tensors) for part in (_UNET, _AUTOENCODER)):
        raise HelperFileError(f"{path.name}: expected an image model with all its parts, got other tensors")


def check_whisper(file: Path) -> None:
    """Check that the ``model.bin`` of a CTranslate2 folder is a Whisper model.

    Raises:
        ModelError: it is another model.
        OSError: it cannot be read.
    """
    with file.open("rb") as opened:
        head = opened.read(_CTRANSLATE2_HEAD_BYTES)
    if _WHISPER not in head:
        raise ModelError(f"{file.parent.name}: expected a Whisper model for CTranslate2, got another model.bin")


def _tensors(path: Path, header: bytes) -> dict[str, Any]:
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
