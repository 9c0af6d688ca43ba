"""The files that an image model is put together from: named by its options, listed in the catalog, or found beside it.

A part is named by its path, or as a file of the hub: ``hf:owner/repo:path/in/it.safetensors``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path

from shared.engines.diffusion.checking import check_model
from shared.engines.diffusion.families import Described, describe
from shared.engines.diffusion.parts import ENCODERS_WITHIN, PartKind, fits, part_kind, text_width, wanted_parts
from shared.engines.diffusion.tensors import SAFETENSORS, read_shapes
from shared.engines.diffusion.versions import Shapes
from shared.errors import ModelError
from shared.models.source import HubSource, parse_source

MAX_FILES = 64
"""Files of a folder whose headers are read."""

_FOLDERS = ("vae", "text_encoders", "text_encoder", "clip", "llm")
"""Folders beside that of a diffusion model in which ComfyUI and other programs keep its parts."""

_ENCODERS = ("clip_l", "clip_g", "t5xxl", "llm")
_SUFFIXES = (".gguf", *SAFETENSORS)


def is_of_hub(part: str) -> bool:
    """Whether a part is named as a file of the hub."""
    return part.lower().startswith(("hf:", "hf.co/", "huggingface.co/", "https://huggingface.co/", "https://hf.co/"))


def hub_source(part: str) -> HubSource:
    """The source of a part on the hub.

    Raises:
        ModelError: it is malformed.
    """
    source = parse_source(part)
    assert isinstance(source, HubSource)
    return source


def parts_of(path: Path, own: Mapping[str, str], common: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """The paths of all parts of the model at ``path``, by option. Empty ones are left out.

    Args:
        path: the model's own file.
        own: the parts that the model's options name.
        common: those that are named for all models of a server. A model only takes what fits.
        known: those that its entry in the catalog names.

    Raises:
        ModelError: a part is missing, or is one for other models.
        OSError: a file cannot be read.
    """
    painting = Path(own.get("diffusion_model") or path)
    shapes = read_shapes(painting)
    described = describe(shapes, painting.stem)
    if described is None:
        return _given({**known, **common, **own})
    width = text_width(described, shapes)
    fitting = {option: part for option, part in _given(common).items() if _goes_with(option, part, described, shapes)}
    parts = {**_given(known), **fitting, **_given(own)}
    wanted = wanted_parts(described, shapes, parts)
    if wanted:
        parts = {**_parts_beside(painting, wanted, described, width), **parts}
    check_model(painting, parts)
    return parts


def _given(parts: Mapping[str, str]) -> dict[str, str]:
    return {option: part for option, part in parts.items() if part}


def _goes_with(option: str, part: str, described: Described, shapes: Shapes) -> bool:
    """Whether a model takes a part that is named for all: it fits, and the model has no text encoder of its own."""
    if option in _ENCODERS and any(name.startswith(ENCODERS_WITHIN) for name in shapes):
        return False
    kind = _kind_of(Path(part))
    return kind is None or kind.name != option or fits(kind, described, text_width(described, shapes))


def _parts_beside(model: Path, wanted: tuple[str, ...], described: Described, width: int) -> dict[str, str]:
    """The wanted parts in the model's folder and in those beside it. Of several that fit, the first by name."""
    found: dict[str, str] = {}
    for file in _files_beside(model):
        kind = _kind_of(file)
        if kind is not None and kind.name in wanted and kind.name not in found and fits(kind, described, width):
            found[kind.name] = str(file)
    return found


def _files_beside(model: Path) -> Iterator[Path]:
    for folder in (model.parent, *(model.parent.parent / name for name in _FOLDERS)):
        try:
            names = sorted(entry.name for entry in folder.iterdir() if entry.suffix.lower() in _SUFFIXES)
        except OSError:
            continue
        yield from (folder / name for name in islice(names, MAX_FILES) if folder / name != model)


def _kind_of(path: Path) -> PartKind | None:
    """What a file is; None for one that cannot be read."""
    try:
        found = os.stat(path)
        return _read_kind(path, found.st_size, found.st_mtime_ns)
    except (ModelError, OSError):
        return None


@lru_cache(maxsize=256)
def _read_kind(path: Path, _size_bytes: int, _changed_at_ns: int) -> PartKind | None:
    return part_kind(read_shapes(path))
