"""Recognises a model by its files: which engine runs it, which kinds of job it serves, what the engine opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shared.engines import registry
from shared.engines.files import Candidate, ModelFiles
from shared.engines.gguf_files import find_gguf, read_gguf
from shared.engines.onnx.folders import GRAPH_SUFFIX
from shared.errors import ModelError

ONNX_HINT = "put the word onnx before it"
GGUF_HINT = "leave out the word onnx before it"
"""How to serve a model that was named as one of the other format."""


def inspect_model(path: Path, onnx: bool = False) -> ModelFiles:
    """Recognise the model at ``path``, a file or a folder: by its header if it is GGUF, else by file names.

    With ``onnx``, only engines for ONNX are asked; without it, only the others.

    Raises:
        ModelError: no engine can open it; :class:`~shared.gguf.reader.GGUFError` for a damaged GGUF.
    """
    engines = registry.engines_for(onnx)
    for candidate in [Candidate(path)] if onnx else _candidates(path):
        for engine in engines:
            found = engine.recognise(candidate)
            if found is not None:
                return found
    expected = ", ".join(engine.opens for engine in engines if engine.opens)
    what = f"{expected}, or a folder with one of them" if not onnx else expected
    raise ModelError(f"{path}: expected {what}, got {_describe(path, onnx)}")


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


def _describe(path: Path, onnx: bool) -> str:
    """Name what is at a path that is not a model of this format, and how to serve it if it is one of the other.

    Exports for other runtimes are often in a subfolder.
    """
    if path.is_file():
        suffixes = {path.suffix.lower()}
    else:
        suffixes = {file.suffix.lower() for pattern in ("*", "*/*") for file in path.glob(pattern)}
    if not onnx and GRAPH_SUFFIX in suffixes:
        return f"an ONNX model; {ONNX_HINT}"
    if onnx and ".gguf" in suffixes:
        return f"a GGUF model; {GGUF_HINT}"
    if path.is_file():
        return f"a {path.suffix} file" if path.suffix else "a file without a suffix"
    return (
        "an ONNX file that is not in one of these layouts"
        if GRAPH_SUFFIX in suffixes
        else "a folder with no model in it"
    )
