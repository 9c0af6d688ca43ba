"""Looks into files whose names say too little: is a checkpoint a whole image model, and the model of a folder Whisper?

A search for models finds many such files. Those that a user names are opened without this test.
"""

from __future__ import annotations

from pathlib import Path

from shared.engines.helper_files import HelperFileError
from shared.engines.safetensors import read_tensors
from shared.errors import ModelError

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
    tensors = read_tensors(path)
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
