"""Loading: from the files of a model to a context of stable-diffusion.cpp."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import stable_diffusion_cpp as sd_cpp

from workers.diffusion.native.log import NATIVE_LOG
from workers.diffusion.options import DiffusionOptions
from workers.engine import EngineLoadError

_functions: Any = sd_cpp.stable_diffusion_cpp._lib


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
    files = {f"{option}_path": path for option, path in options.files.items()}
    files["diffusion_model_path" if options.is_diffusion_model_only else "model_path"] = options.model_path
    for name, path in files.items():
        setattr(parameters, name, os.fsencode(path))
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
