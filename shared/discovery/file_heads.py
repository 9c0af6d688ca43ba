"""Looks into files whose names say too little: is a checkpoint an image model, and the model of a folder Whisper?

A search for models finds many such files. Those that a user names are opened without this test.
"""

from __future__ import annotations

from pathlib import Path

from shared.engines.diffusion.families import describe
from shared.engines.diffusion.tensors import read_shapes
from shared.engines.helper_files import HelperFileError
from shared.errors import ModelError

_WHISPER = b"WhisperSpec"
_CTRANSLATE2_HEAD_BYTES = 64


def check_checkpoint(path: Path) -> None:
    """Check that a checkpoint is complete, and an image model: whole, or the diffusion model of one in several files.

    Raises:
        HelperFileError: it holds something else: an adapter, a part of an image model, or another model.
        ModelError: it is damaged or truncated.
        OSError: it cannot be read.
    """
    described = describe(read_shapes(path), path.stem)
    if described is None or described.family.video:
        raise HelperFileError(f"{path.name}: expected an image model, got other tensors")


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
