"""Refuses settings of a folder with which onnxruntime-genai would run its code, or read and write files elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.engines.onnx.folders import MAX_CONFIG_BYTES
from workers.engine import EngineLoadError
from workers.onnx.text.decoding.layout import CONFIG
from workers.onnx.text.folder_files import read_text

_REFUSED = ("library", "path", "enable_profiling")
"""What is in the names of such settings: ``custom_ops_library``, ``ep.context_file_path``, ``backend_path``."""


def check_trusted(folder: Path) -> None:
    """Check all settings of a folder, those that a later one of the same name hides included.

    Raises:
        EngineLoadError: one of them is refused.
    """
    json.loads(read_text(folder / CONFIG, MAX_CONFIG_BYTES) or "{}", object_pairs_hook=_check)


def _check(pairs: list[tuple[str, Any]]) -> None:
    for name, _ in pairs:
        if any(part in name.lower() for part in _REFUSED):
            problem = "expected no setting that loads code or names files outside of the folder"
            raise EngineLoadError(f"{CONFIG}: {problem}, got {name!r}; remove it if the model works without")
