"""What computes in llama.cpp where its wheel leaves the choice (``scripts/make_wheels.py``).

Such a wheel has one library for each generation of CPUs. llama.cpp by itself would look for them beside the Python
interpreter and in the current folder, and run code from there. So they are loaded by their paths, before anything else
of llama.cpp is used.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import re
from pathlib import Path

import llama_cpp

from workers.engine import EngineLoadError

log = logging.getLogger("nexa.llama")

_NAME = re.compile(r"(\D+)(\d+)")
_CPU = "libggml-cpu-"
_BASE = "libggml-base.so"
_GPU, _INTEGRATED_GPU = 1, 2
"""``ggml_backend_dev_type`` in ``ggml-backend.h``."""


def library_folder() -> Path:
    """Where the libraries of llama.cpp are that this process uses."""
    return Path(str(llama_cpp.llama_cpp._lib._name)).resolve().parent


@functools.cache
def load_backends() -> None:
    """Load the best library for this CPU, and those for GPUs; nothing where they are a part of llama.cpp.

    Raises:
        EngineLoadError: no library runs on this CPU, or one cannot be loaded.
    """
    load_backends_of(library_folder())


def load_backends_of(folder: Path) -> str | None:
    """The same for the libraries of a folder. Returns the name of the chosen variant.

    Raises:
        EngineLoadError: no library runs on this CPU, or one cannot be loaded.
    """
    variants = {path.name.removeprefix(_CPU).removesuffix(".so"): path for path in folder.glob(f"{_CPU}*.so")}
    if not variants:
        return None
    scores = {name: _score(path) for name, path in variants.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] == 0:
        raise EngineLoadError(f"llama.cpp: expected a CPU that one of {', '.join(sorted(variants))} runs on")
    registry = ctypes.CDLL(str(folder / "libggml.so"))
    for path in [*_gpu_backends(folder), variants[best]]:  # devices are used in the order in which they are loaded
        _load(registry, path)
    log.info("llama.cpp uses its variant for the CPU %s", best, extra={"of": ", ".join(sorted(variants))})
    return best


def gpu_names() -> list[str]:
    """The GPUs that llama.cpp uses, by ggml's names for them, as in ``CUDA0`` or ``Vulkan0``."""
    registry = ctypes.CDLL(str(library_folder() / "libggml.so"))
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    registry.ggml_backend_dev_name.argtypes = [ctypes.c_void_p]
    registry.ggml_backend_dev_name.restype = ctypes.c_char_p
    devices = [registry.ggml_backend_dev_get(index) for index in range(registry.ggml_backend_dev_count())]
    for wanted in (_GPU, _INTEGRATED_GPU):  # those in a processor are used only where there is no other
        names = [
            registry.ggml_backend_dev_name(device).decode()
            for device in devices
            if registry.ggml_backend_dev_type(device) == wanted
        ]
        if names:
            return names
    return []


def cpu_buffer_type() -> int:
    """The address of ggml's type of buffers in main memory."""
    base = ctypes.CDLL(str(library_folder() / _BASE))
    base.ggml_backend_cpu_buffer_type.restype = ctypes.c_void_p
    return int(base.ggml_backend_cpu_buffer_type())


def device_of(names: list[str]) -> str | None:
    """The device of a worker that uses these GPUs, as in ``vulkan:0``; None for the one that it was assigned.

    Workers are assigned GPUs of NVIDIA, which only CUDA names in the same way.
    """
    found = [_NAME.fullmatch(name) for name in names]
    if all(match is None or match[1] == "CUDA" for match in found):
        return None
    return ",".join(f"{match[1].lower()}:{match[2]}" for match in found if match is not None)


def _gpu_backends(folder: Path) -> list[Path]:
    libraries = sorted(folder.glob("libggml-*.so"))
    return [path for path in libraries if path.name != _BASE and not path.name.startswith(_CPU)]


def _score(path: Path) -> int:
    """How well a library fits this CPU; 0 if it does not run on it."""
    try:
        return int(ctypes.CDLL(str(path)).ggml_backend_score())
    except (OSError, AttributeError) as error:
        raise EngineLoadError(f"llama.cpp: {error}") from error


def _load(registry: ctypes.CDLL, path: Path) -> None:
    registry.ggml_backend_load.argtypes = [ctypes.c_char_p]
    registry.ggml_backend_load.restype = ctypes.c_void_p
    if not registry.ggml_backend_load(str(path).encode()):
        raise EngineLoadError(f"llama.cpp: {path.name} cannot be loaded")
