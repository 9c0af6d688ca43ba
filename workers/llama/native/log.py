"""llama.cpp's log. There is one per process."""

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Iterator

import llama_cpp

LEVEL_ERROR = 4
"""``GGML_LOG_LEVEL_ERROR`` in ``ggml.h``."""

_WITHOUT_CAUSE = "failed to load model"
"""The end of a message that follows the one with the cause."""

_WITHOUT_GPU = "no CUDA-capable device is detected"
"""What a build for GPUs says in a process that sees none, as those on the CPU do on purpose."""

_NO_MEMORY = "unable to allocate"

log = logging.getLogger("nexa.llama")

_last_error = ""
_held: list[str] | None = None
"""Errors of a load that goes on; None at other times."""


def _on_message(level: int, text: bytes, _: ctypes.c_void_p) -> None:
    global _last_error
    message = text.decode("utf-8", "replace").strip()
    if level == LEVEL_ERROR and message and not message.endswith(_WITHOUT_GPU):
        if not message.endswith(_WITHOUT_CAUSE):
            _last_error = message
        if _held is None:
            log.warning("llama.cpp: %s", message)
        else:
            _held.append(message)


_callback = llama_cpp.llama_log_callback(_on_message)  # must outlive every model


def capture_native_log() -> None:
    """Send llama.cpp's errors to our log and drop its other messages."""
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Log llama.cpp's errors at the end of the block, unless it raises: then the exception says why."""
    global _held
    held: list[str] = []
    _held = held
    try:
        yield
    finally:
        _held = None
    for message in held:
        log.warning("llama.cpp: %s", message)


def lacks_memory() -> bool:
    """Whether the last error that llama.cpp logged is that it got no memory for a model."""
    return _NO_MEMORY in _last_error


def with_last_error(problem: str) -> str:
    """``problem``, followed by the last error that llama.cpp logged."""
    return f"{problem}: {_last_error}" if _last_error else problem
