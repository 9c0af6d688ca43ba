"""Recognises a model by its files: which engine runs it, which kinds of job it serves, what the engine opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shared.engines import registry
from shared.engines.files import Candidate, ModelFiles
from shared.engines.gguf_files import find_gguf, read_gguf
from shared.errors import ModelError


def inspect_model(path: Path) -> ModelFiles:
    """Recognise the model at ``path``, a file or a folder: by its header if it is GGUF, else by file names.

    Raises:
        ModelError: no engine can open it; :class:`~shared.gguf.reader.GGUFError` for a damaged GGUF.
    """
    for candidate in _candidates(path):
        for engine in registry.ENGINES:
            found = engine.recognise(candidate)
            if found is not None:
                return found
    expected = ", ".join(engine.opens for engine in registry.ENGINES if engine.opens)
    raise ModelError(f"{path}: expected {expected}, or a folder with one of them, got {_describe(path)}")


def _candidates(path: Path) -> Iterator[Candidate]:
    suffix = path.suffix.lower()
    if path.is_dir():
        gguf = find_gguf(path)
        if gguf is not None:
            yield read_gguf(gguf)
        yield Candidate(path)
    elif suffix in registry.model_suffixes() and suffix != ".gguf":
        yield Candidate(path)
    else:
        yield read_gguf(path)


def _describe(path: Path) -> str:
    """Name what is at a path that is not a model. Exports for other runtimes are often in a subfolder."""
    if path.is_file():
        return registry.UNSUPPORTED.get(path.suffix.lower(), f"a {path.suffix} file")
    suffixes = {file.suffix.lower() for pattern in ("*", "*/*") for file in path.glob(pattern)}
    formats = [name for suffix, name in registry.UNSUPPORTED.items() if suffix in suffixes]
    return formats[0] if formats else "a folder with no model in it"
