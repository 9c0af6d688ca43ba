"""Makes models of a shape, and keeps them in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import llama_cpp
from filelock import FileLock

from scripts.make_gguf.file import write_entries
from scripts.make_gguf.shapes.families import metadata, tensors
from scripts.make_gguf.shapes.shape import Shape, shape_of
from scripts.make_gguf.vocabulary import CopiedVocabulary, read_vocabulary
from shared.hub.store import ModelStore
from shared.models.resolution import resolve
from workers.llama.native.log import capture_native_log

QUANTIZATIONS = {"q4_k_m": "Q4_K_M", "q4_0": "Q4_0", "q8_0": "Q8_0", "f16": "F16"}
PREFIX = "random-"
VOCABULARY = "smollm2"

Say = Callable[[str], None]


class QuantizationError(Exception):
    """llama.cpp could not quantise a file."""


def random_model(name: str, say: Say) -> Path:
    """The file of a model such as ``random-1b-q4_k_m`` or ``random-tiny-hybrid-f16``, which is made if it is not there.

    One process makes it, others wait.

    Raises:
        ValueError: there is no such shape or quantisation.
        QuantizationError: llama.cpp refused it.
        ModelError: the packaged vocabulary is missing.
    """
    shape, quantization = parsed(name)
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{_version(shape)}.gguf"
    if not path.exists():
        with FileLock(folder / f"{name}.lock"):
            if not path.exists():
                make(path, shape, quantization, say)
    return path


def parsed(name: str) -> tuple[Shape, str]:
    """The shape and the quantisation of a model's name.

    Raises:
        ValueError: there is no such model.
    """
    words, _, quantization = name.removeprefix(PREFIX).rpartition("-")
    if quantization not in QUANTIZATIONS:
        raise ValueError(f"quantization: expected one of {', '.join(QUANTIZATIONS)}, got {quantization or name}")
    return shape_of(words), quantization


def make(path: Path, shape: Shape, quantization: str, say: Say, seed: int = 0) -> None:
    """Write a model, whole or not at all.

    Raises:
        QuantizationError: llama.cpp refused it.
        ModelError: the packaged vocabulary is missing.
    """
    vocabulary = _vocabulary(shape)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        halves, result = Path(folder) / "f16.gguf", Path(folder) / "model.gguf"
        say(f"{path.name}: drawing the weights")
        drawn = [tensor.seeded(seed) for tensor in tensors(shape, vocabulary)]
        write_entries(halves, {**metadata(shape), **vocabulary.metadata()}, drawn)
        if quantization == "f16":
            result = halves
        else:
            say(f"{path.name}: quantising {halves.stat().st_size / 1e9:.1f} GB")
            _quantize(halves, result, QUANTIZATIONS[quantization])
        os.replace(result, path)


def cache_folder() -> Path:
    """Where the models are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexa" / "random"


def _vocabulary(shape: Shape) -> CopiedVocabulary:
    vocabulary = read_vocabulary(Path(resolve(VOCABULARY, ModelStore()).path))
    missing = max(shape.vocabulary_size - len(vocabulary.texts), 0)
    return vocabulary.with_tokens([f"<|unused {number}|>" for number in range(missing)])


def _version(shape: Shape) -> str:
    """Changes with whatever changes the file."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    read = b"".join(source.read_bytes() for source in sources)
    return hashlib.sha256(read + repr(shape).encode() + llama_cpp.__version__.encode()).hexdigest()[:10]


def _quantize(source: Path, target: Path, kind: str) -> None:
    capture_native_log()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    params.nthread = os.cpu_count() or 1
    code = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params))
    if code:
        raise QuantizationError(f"llama.cpp could not quantise {source.name} to {kind}: code {code}")
