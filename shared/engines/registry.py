"""All engines. Catalog, hub, command line and workers read this list; there is no other."""

from __future__ import annotations

from shared.engines.diffusion import DIFFUSION
from shared.engines.echo import ECHO
from shared.engines.embedding import EMBEDDING
from shared.engines.llama import LLAMA
from shared.engines.spec import EngineSpec
from shared.engines.whisper import WHISPER

ENGINES: tuple[EngineSpec, ...] = (
    DIFFUSION,
    EMBEDDING,
    LLAMA,  # after the others that open GGUF files: it takes all architectures that they do not
    WHISPER,
    ECHO,
)

UNSUPPORTED = {".onnx": "an ONNX model"}
"""Formats that no engine opens, by suffix, for the error message."""


def find_engine(name: str) -> EngineSpec | None:
    """The engine called ``name``."""
    return next((engine for engine in ENGINES if engine.name == name), None)


def engine_names() -> tuple[str, ...]:
    """Names of all engines."""
    return tuple(engine.name for engine in ENGINES)


def model_suffixes() -> tuple[str, ...]:
    """Suffixes of model files, supported or not, in lower case."""
    return (".gguf", *(suffix for engine in ENGINES for suffix in engine.suffixes), *UNSUPPORTED)
