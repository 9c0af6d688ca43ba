"""Loading: from the files of a model to a context of stable-diffusion.cpp."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import stable_diffusion_cpp as sd_cpp

from workers.diffusion.native.info import is_alone, needs_references_at_zero
from workers.diffusion.native.log import NATIVE_LOG
from workers.diffusion.native.running import set_for_model
from workers.diffusion.options import DiffusionOptions
from workers.engine import EngineLoadError

_functions: Any = sd_cpp.stable_diffusion_cpp._lib


EMBEDDINGS = (".safetensors", ".pt", ".bin", ".gguf")
"""Ends of the names of textual inversions."""


def load(options: DiffusionOptions) -> Any:
    """The context of the model, which ``free_sd_ctx`` frees.

    Raises:
        EngineLoadError: the library cannot load it; the message holds the errors that it logged.
    """
    parameters = sd_cpp.sd_ctx_params_t()
    _functions.sd_ctx_params_init(ctypes.byref(parameters))
    parameters.vae_decode_only = False  # image to image encodes
    parameters.free_params_immediately = False  # the next picture needs them
    parameters.n_threads = options.threads
    set_for_model(parameters, options.running)
    for name, path in _paths(options).items():
        setattr(parameters, name, os.fsencode(path))
    parameters.qwen_image_zero_cond_t = needs_references_at_zero(options)
    words = _words(options.embeddings_folder)
    parameters.embeddings, parameters.embedding_count = words, len(words)
    NATIVE_LOG.capture()
    NATIVE_LOG.forget_errors()
    NATIVE_LOG.verbose = True
    try:
        context = sd_cpp.new_sd_ctx(ctypes.byref(parameters))
    finally:
        NATIVE_LOG.verbose = False
    if not context:
        raise EngineLoadError(NATIVE_LOG.error())
    if not sd_cpp.sd_ctx_supports_image_generation(context):
        sd_cpp.free_sd_ctx(context)
        raise EngineLoadError("expected an image model, got a video model")
    return context


def _paths(options: DiffusionOptions) -> dict[str, str]:
    """The files that the library reads, by the names of its parameters. Upscalers are opened by themselves."""
    paths = {f"{option}_path": path for option, path in options.files.items() if option != "upscaler"}
    paths["diffusion_model_path" if is_alone(options) else "model_path"] = options.model_path
    return paths


def _words(folder: str) -> Any:
    """The textual inversions in a folder: the library reads the file of each word that a prompt has."""
    files = sorted(file for file in Path(folder).glob("[!.]*") if file.suffix.lower() in EMBEDDINGS) if folder else []
    return (sd_cpp.sd_embedding_t * len(files))(
        *(sd_cpp.sd_embedding_t(os.fsencode(file.stem), os.fsencode(file)) for file in files)
    )
