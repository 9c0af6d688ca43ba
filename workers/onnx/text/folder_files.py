"""Reads the small files of a model's folder, which are untrusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.engines.onnx.folders import as_object, parse_json, read_bytes, read_json, root_of
from shared.engines.onnx.text import CONFIG as GENAI_CONFIG
from shared.errors import ModelError
from workers.engine import EngineLoadError


def model_folder(path: str) -> Path:
    """The folder with a model's settings: the one that is given, or that of a graph, which may be in an inner one."""
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    return folder if (folder / GENAI_CONFIG).is_file() else root_of(given)


def read_text(path: Path, max_bytes: int) -> str | None:
    """The text of a file; None if there is no such file.

    Raises:
        EngineLoadError: it cannot be read, is too large, or no text.
    """
    try:
        content = read_bytes(path, max_bytes)
        return None if content is None else content.decode("utf-8")
    except ModelError as error:
        raise EngineLoadError(str(error)) from None
    except UnicodeDecodeError:
        raise EngineLoadError(f"{path.name}: expected text in UTF-8, got other bytes") from None


def parse_object(name: str, text: str) -> dict[str, Any]:
    """The JSON object in the file ``name``.

    Raises:
        EngineLoadError: it is not one.
    """
    try:
        return as_object(name, parse_json(name, text))
    except ModelError as error:
        raise EngineLoadError(str(error)) from None


def read_object(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in a file of settings; empty if there is no such file.

    Raises:
        EngineLoadError: the file has no JSON object.
    """
    try:
        return read_json(folder / name)
    except ModelError as error:
        raise EngineLoadError(str(error)) from None
