"""Opening a projector file with libmtmd."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from llama_cpp import mtmd_cpp

from shared.errors import ModelError
from shared.gguf.header import GGUFHeader, read_gguf_header
from workers.engine import EngineLoadError
from workers.llama.media.nodes import NodeWatch
from workers.llama.media.options import ProjectorOptions
from workers.llama.native.log import held_back, lacks_memory, native_log_callback

_REASON = re.compile(r"(?:clip_init: failed to load model '.*': |mtmd_init_from_file: error: )(.*)")
_PLACED = {"deepseek4v", "hunyuanvl"}
"""Kinds whose embeddings depend on what else is in the prompt. We encode each picture by itself."""


def read_header(path: Path) -> GGUFHeader:
    """The header of a projector file.

    Raises:
        EngineLoadError: it cannot be read, or is of another file or a kind that is not supported; one line.
    """
    try:
        header = read_gguf_header(path)
    except ModelError as error:
        raise EngineLoadError(f"mmproj: {error}") from error
    except OSError as error:
        raise EngineLoadError(f"mmproj: {path.name} cannot be read: {error.strerror or error}") from error
    metadata = header.metadata
    if metadata.get("general.architecture") != "clip":
        found = metadata.get("general.architecture", "none")
        raise EngineLoadError(f"mmproj: expected a projector file, got {path.name} of the architecture {found}")
    kinds = {str(metadata.get(f"clip.{part}projector_type", "")) for part in ("", "vision.", "audio.")}
    if kinds & _PLACED:
        raise EngineLoadError(f"mmproj: projectors of the kind {min(kinds & _PLACED)} are not supported: {path.name}")
    return header


def open_context(options: ProjectorOptions, model: int, on_gpu: bool, watch: NodeWatch) -> int:
    """A ``mtmd_context`` for a text model of llama.cpp. ``watch`` is asked in all that it computes.

    Raises:
        EngineLoadError: the file does not fit the model; one line.
    """
    name = Path(options.path).name
    # Without it, libmtmd prints on standard error; of its levels, only errors are logged: others may hold texts.
    mtmd_cpp.mtmd_helper_log_set(native_log_callback(), ctypes.c_void_p(0))
    params = mtmd_cpp.mtmd_context_params_default()
    params.use_gpu = on_gpu
    params.print_timings = False
    params.n_threads = options.threads
    params.image_max_tokens = options.image_max_tokens
    params.cb_eval = watch.native
    with held_back() as messages:
        context = mtmd_cpp.mtmd_init_from_file(options.path.encode(), model, params)
        if not context:
            reason = "not enough memory for it" if lacks_memory() else _reason(messages)
            raise EngineLoadError(f"mmproj: {name} cannot be used with the model: {reason}")
    return int(context)


def _reason(messages: list[str]) -> str:
    """Why libmtmd opened no file, by what it logged: the first line of its first error."""
    found = (_REASON.match(message) for message in messages)
    return next((match[1] for match in found if match is not None), "libmtmd does not say why")
