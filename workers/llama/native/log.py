"""llama.cpp's own log, of which there is one in a process."""

from __future__ import annotations

import ctypes
import logging
from collections import deque

import llama_cpp

LEVEL_ERROR = 4
"""ggml's level of errors, in ``ggml.h``."""

log = logging.getLogger("nexa.llama")

_last_errors: deque[str] = deque(maxlen=5)


def _on_message(level: int, text: bytes, _: ctypes.c_void_p) -> None:
    message = text.decode("utf-8", "replace").strip()
    if level == LEVEL_ERROR and message:
        _last_errors.append(message)
        log.warning("llama.cpp: %s", message)


_callback = llama_cpp.llama_log_callback(_on_message)  # must outlive every model


def capture_native_log() -> None:
    """Send llama.cpp's errors to our log, and drop the rest of what it says."""
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))


def last_error() -> str | None:
    """The last error that llama.cpp reported."""
    return _last_errors[-1] if _last_errors else None
