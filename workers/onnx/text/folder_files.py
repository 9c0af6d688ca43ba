"""Reads the small files of a model's folder, which are untrusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.engines.onnx.folders import root_of
from shared.engines.onnx.text import CONFIG as GENAI_CONFIG
from workers.engine import EngineLoadError

MAX_CONFIG_BYTES = 8 * 1024 * 1024
MAX_TOKENIZER_BYTES = 128 * 1024 * 1024
"""The largest that are published have 35 MB."""


def model_folder(path: str) -> Path:
    """The folder with a model's settings: the one that is given, or that of a graph, which may be in an inner one."""
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    return folder if (folder / GENAI_CONFIG).is_file() else root_of(given)


def read_text(path: Path, max_bytes: int) -> str | None:
    """The text of a file; None if there is no such file.

    Raises:
        EngineLoadError: it is too large, or no text.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        raise EngineLoadError(f"{path.name}: expected a file, got something else")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EngineLoadError(f"{path.name}: {error.strerror or error}") from None
    if len(data) > max_bytes:
        raise EngineLoadError(f"{path.name}: expected at most {max_bytes} bytes, got more")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise EngineLoadError(f"{path.name}: expected text in UTF-8, got other bytes") from None


def parse_object(name: str, text: str) -> dict[str, Any]:
    """The JSON object in the file ``name``.

    Raises:
        EngineLoadError: it is not one.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise EngineLoadError(f"{name}: expected JSON, got a file with an error: {error}") from None
    except RecursionError:
        raise EngineLoadError(f"{name}: expected JSON, got values that are nested too deeply") from None
    if not isinstance(value, dict):
        raise EngineLoadError(f"{name}: expected a JSON object, got a value of another type")
    return value


def read_object(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in a file of settings; empty if there is no such file.

    Raises:
        EngineLoadError: the file has no JSON object.
    """
    text = read_text(folder / name, MAX_CONFIG_BYTES)
    return {} if text is None else parse_object(name, text)
