"""llama.cpp's log. There is one per process."""

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Iterator
from typing import Any

import llama_cpp

LEVEL_ERROR = 4
"""``GGML_LOG_LEVEL_ERROR`` in ``ggml.h``."""

LEVEL_CONTINUED = 5
"""``GGML_LOG_LEVEL_CONT``: the rest of a line, such as dots that show progress."""

_GRAPH = "llama_graph_"
"""The start of some thousand messages on each graph."""

_WITHOUT_CAUSE = "failed to load model"
"""The end of a message that follows the one with the cause."""

_WITHOUT_GPU = "no CUDA-capable device is detected"
"""What a build for GPUs says in a process that sees none, as those on the CPU do on purpose."""

_NO_MEMORY = "unable to allocate"

log = logging.getLogger("nexa.llama")

_last_error = ""
_held: list[str] | None = None
"""Errors of a load that goes on; None at other times."""

_recorded: list[str] | None = None
"""All messages of a load that goes on; None at other times."""


def _on_message(level: int, text: bytes, _: ctypes.c_void_p) -> None:
    global _last_error
    message = text.decode("utf-8", "replace").strip()
    if _recorded is not None and level != LEVEL_CONTINUED and not message.startswith(_GRAPH):
        _recorded.append(message)
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


def native_log_callback() -> Any:
    """What does the same for other libraries whose log is as llama.cpp's."""
    return _callback


@contextlib.contextmanager
def held_back() -> Iterator[list[str]]:
    """Log llama.cpp's errors at the end of the block, unless it raises: then the exception says why.

    Gives all messages of the block, which are complete at its end.
    """
    global _held, _recorded, _last_error
    held: list[str] = []
    recorded: list[str] = []
    _held, _recorded, _last_error = held, recorded, ""
    try:
        yield recorded
    finally:
        _held = _recorded = None
    for message in held:
        log.warning("llama.cpp: %s", message)


def lacks_memory() -> bool:
    """Whether the last error that llama.cpp logged is that it got no memory for a model."""
    return _NO_MEMORY in _last_error


def last_error() -> str:
    """The last error that llama.cpp logged; empty if there was none."""
    return _last_error


def with_last_error(problem: str) -> str:
    """``problem``, followed by the last error that llama.cpp logged."""
    return f"{problem}: {_last_error}" if _last_error else problem
