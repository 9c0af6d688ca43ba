"""All engines. Catalog, hub, command line and workers read this list; there is no other."""

from __future__ import annotations

from shared.engines.diffusion.spec import DIFFUSION
from shared.engines.echo import ECHO
from shared.engines.embedding import EMBEDDING
from shared.engines.llama import LLAMA
from shared.engines.onnx.embedding import ONNX_EMBEDDING
from shared.engines.onnx.folders import GRAPH_SUFFIX
from shared.engines.onnx.images import ONNX_IMAGES
from shared.engines.onnx.speech import ONNX_SPEECH
from shared.engines.onnx.text import ONNX_TEXT
from shared.engines.spec import EngineSpec
from shared.engines.whisper import WHISPER

ENGINES: tuple[EngineSpec, ...] = (
    DIFFUSION,
    EMBEDDING,
    LLAMA,  # after the others that open GGUF files: it takes all architectures that they do not
    ONNX_TEXT,
    ONNX_IMAGES,
    ONNX_SPEECH,
    ONNX_EMBEDDING,  # after the others: their folders hold files of these names too
    WHISPER,
    ECHO,
)


def engines_for(onnx: bool) -> tuple[EngineSpec, ...]:
    """The engines that are asked for models which the user marked as ONNX, or for all others."""
    return tuple(engine for engine in ENGINES if engine.onnx == onnx)


def find_engine(name: str) -> EngineSpec | None:
    """The engine called ``name``."""
    return next((engine for engine in ENGINES if engine.name == name), None)


def opens_onnx(name: str) -> bool:
    """Whether the engine called ``name`` opens ONNX models."""
    engine = find_engine(name)
    return engine is not None and engine.onnx


def can_split(name: str) -> bool:
    """Whether a worker of the engine called ``name`` can compute one model on several GPUs."""
    engine = find_engine(name)
    return engine is not None and engine.can_split


def engine_names() -> tuple[str, ...]:
    """Names of all engines."""
    return tuple(engine.name for engine in ENGINES)


def model_suffixes() -> tuple[str, ...]:
    """Suffixes of model files, in lower case."""
    return (".gguf", *(suffix for engine in ENGINES for suffix in engine.suffixes), GRAPH_SUFFIX)
