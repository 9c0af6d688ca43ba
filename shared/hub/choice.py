"""Chooses the files of one model from a hub repository."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace

from shared.engines import registry
from shared.engines.files import HubFile, Listing
from shared.engines.helper_files import without_helpers
from shared.engines.onnx.folders import GRAPH_SUFFIX
from shared.errors import ModelError
from shared.models.names import find_quant, is_quant
from shared.models.recognition import GGUF_HINT, ONNX_HINT
from shared.models.source import HubSource

MAX_NAMES = 6
"""How many files or quantizations an error lists."""


def choose_files(source: HubSource, files: Sequence[HubFile], engine: str | None = None) -> list[HubFile]:
    """The files to fetch for ``source``, starting with the one that the engine opens. ``engine`` allows only that one.

    Raises:
        ModelError: no engine finds a model.
    """
    listing = Listing(source.repo, files, source.pattern)
    for spec in registry.engines_for(source.onnx):
        chosen = spec.choose(listing) if engine in (None, spec.name) else []
        if chosen:
            return chosen
    other = _of_other_format(source, files)
    if other:
        raise ModelError(f"{source}: expected a model that can be served, got {other}")
    expected = f"a model file that matches {source.pattern!r}" if source.pattern else "a model that can be served"
    suffixes = (GRAPH_SUFFIX,) if source.onnx else registry.model_suffixes()
    models = [file for file in files if file.path.lower().endswith(suffixes)]
    quants = _quants_near(source.pattern, models) if is_quant(source.pattern) else []
    if quants:
        raise ModelError(
            f"{_repo(source)}: expected one of its quantizations ({_some(quants)}), got {source.pattern!r}"
        )
    raise ModelError(
        f"{_repo(source)}: expected {expected}, got {_some_names((models if source.pattern else []) or files)}"
    )


def _repo(source: HubSource) -> str:
    return str(replace(source, pattern=""))


def _of_other_format(source: HubSource, files: Sequence[HubFile]) -> str:
    """What the repository has if it has only models of the format that the user did not ask for."""
    paths = [file.path.lower() for file in files]
    if source.onnx:
        only_gguf = any(path.endswith(".gguf") for path in paths) and not any(path.endswith(".onnx") for path in paths)
        return f"GGUF models; {GGUF_HINT}" if only_gguf else ""
    return f"an ONNX model; {ONNX_HINT}" if any(path.endswith(".onnx") for path in paths) else ""


def _some_names(files: Sequence[HubFile]) -> str:
    return _some([file.path for file in files if not file.path.startswith(".")]) or "no files"


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:MAX_NAMES])}{', ...' if len(names) > MAX_NAMES else ''}"


def _quants_near(wanted: str, models: Sequence[HubFile]) -> list[str]:
    """The quantizations of the models, those with about as many bits as ``wanted`` first."""
    found = {find_quant(file.path) for file in without_helpers(models, lambda file: file.path)} - {""}
    return sorted(found, key=lambda quant: (abs(_bits(quant) - _bits(wanted)), -_likeness(quant, wanted), quant))


def _bits(quant: str) -> int:
    digits = re.search(r"\d+", quant)
    return int(digits[0]) if digits else 0


def _likeness(quant: str, wanted: str) -> float:
    return difflib.SequenceMatcher(None, quant, wanted.upper()).ratio()
