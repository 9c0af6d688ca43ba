"""Files that accompany a model and are none: what they are, by their name and by their GGUF header."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import TypeVar

from shared.errors import ModelError
from shared.gguf.header import GGUFHeader
from shared.gguf.kind import is_projector

F = TypeVar("F")

PROJECTOR = "the projector of a multimodal model"
_DRAFT = "a draft model for speculative decoding"

_NAMES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])", re.IGNORECASE), what)
    for words, what in (
        (r"mm-?proj\w*", PROJECTOR),
        (r"imatrix", "an importance matrix"),
        (r"vae|taesd\w*|ae", "an autoencoder"),
        (r"lora|adapter", "an adapter"),
        (r"control[-_]?vector|cvec", "a control vector"),
        (r"ggml-vocab|vocab[-_]only", "a vocabulary without a model"),
        (r"draft|mtp|eagle\d?|dflash|speculator", _DRAFT),
        (r"clip_[lg]|t5xxl\w*|text[-_]encoder\w*", "a text encoder of image models"),
    )
)
_TYPES: Mapping[object, str] = {
    "imatrix": "an importance matrix",
    "adapter": "an adapter (LoRA)",
    "vocab": "a vocabulary without a model",
    "dataset": "a data set",
}
"""Values of ``general.type`` in GGUF files that are not models."""

_ARCHITECTURES: Mapping[str | None, str] = {
    "controlvector": "a control vector",
    "imatrix": "an importance matrix",
    "eagle3": _DRAFT,
    "dflash": _DRAFT,
    "gemma4-assistant": _DRAFT,
}


class HelperFileError(ModelError):
    """A file that accompanies a model, and is none."""


def helper_by_name(path: str) -> str | None:
    """What the file or its folder is by its name: ``a vocabulary without a model``; None for a model."""
    parts = PurePosixPath(path).parts[-2:]
    return next((what for pattern, what in _NAMES for part in parts if pattern.search(part)), None)


def without_helpers(files: Iterable[F], path_of: Callable[[F], str]) -> list[F]:
    """The files that are not helpers by their names, or all if only helpers are there, since names are only a hint.

    Projectors are never a model.
    """
    named = [(file, helper_by_name(path_of(file))) for file in files]
    models = [file for file, what in named if what is None]
    return models or [file for file, what in named if what != PROJECTOR]


def helper_by_header(header: GGUFHeader) -> str | None:
    """What a GGUF file is if it is a helper, by its header; None for a model."""
    if is_projector(header.metadata):
        return PROJECTOR
    found = _TYPES.get(header.metadata.get("general.type")) or _ARCHITECTURES.get(header.architecture)
    if found:
        return found
    return None if header.tensors or _parts(header) > 1 else "a vocabulary without a model"


def lost_part(header: GGUFHeader, named_parts: int) -> str | None:
    """What a part of a split model is if its name does not lead to the others; ``named_parts`` are those that it
    names. None for a whole model, and for the first of all parts."""
    number, parts = _count(header, "split.no"), _parts(header)
    if parts < 2 or (number == 0 and named_parts == parts):
        return None
    return f"part {number + 1} of {parts} of a model; its parts must be called NAME-00001-of-{parts:05}.gguf and so on"


def _parts(header: GGUFHeader) -> int:
    return _count(header, "split.count")


def _count(header: GGUFHeader, key: str) -> int:
    value = header.metadata.get(key, 0)
    return value if isinstance(value, int) else 0
