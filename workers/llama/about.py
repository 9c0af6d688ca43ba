"""``python -m workers.llama.about``: what the installed llama.cpp is and can use, as JSON on stdout."""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any


def about() -> dict[str, Any]:
    """The version, the features of the CPU that the build uses, and the devices that it finds."""
    import llama_cpp

    llama_cpp.llama_backend_init()
    info = llama_cpp.llama_print_system_info().decode()
    return {
        "version": llama_cpp.__version__,
        "features": features(info),
        "gpu": bool(llama_cpp.llama_supports_gpu_offload()),
        "devices": devices(llama_cpp.llama_cpp._lib),
    }


def features(info: str) -> list[str]:
    """The names of what is on in ``CPU : AVX = 1 | AVX2 = 0 | …``, in that order."""
    pairs = (part.rpartition(":")[2].partition("=") for part in info.split("|"))
    return [name.strip() for name, _, value in pairs if value.strip() == "1"]


def devices(library: ctypes.CDLL) -> list[dict[str, Any]]:
    """What ggml may compute on (ggml/include/ggml-backend.h): name, description, memory in bytes."""
    count, get = library.ggml_backend_dev_count, library.ggml_backend_dev_get
    name, description, memory = (
        library.ggml_backend_dev_name,
        library.ggml_backend_dev_description,
        library.ggml_backend_dev_memory,
    )
    count.restype, get.restype = ctypes.c_size_t, ctypes.c_void_p
    name.restype = description.restype = ctypes.c_char_p
    get.argtypes = [ctypes.c_size_t]
    name.argtypes = description.argtypes = [ctypes.c_void_p]
    memory.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)]
    memory.restype = None
    found = []
    for index in range(count()):
        device = get(index)
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        memory(device, ctypes.byref(free), ctypes.byref(total))
        found.append(
            {
                "name": name(device).decode(errors="replace"),
                "description": description(device).decode(errors="replace"),
                "free_bytes": free.value,
                "total_bytes": total.value,
            }
        )
    return found


if __name__ == "__main__":
    json.dump(about(), sys.stdout)
