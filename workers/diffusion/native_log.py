"""stable-diffusion.cpp's own log, of which there is one in a process."""

from __future__ import annotations

import ctypes
import logging
import re
from collections.abc import Callable

import stable_diffusion_cpp as sd_cpp

LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
"""The levels of ``sd_log_level_t`` in ``stable-diffusion.h``, as :mod:`logging` has them."""

SAMPLING_STARTS = "generating image:"
"""What the library says when it has read everything and begins to denoise a picture."""

KEPT_ERRORS = 3

log = logging.getLogger("nexa.worker.diffusion")

_PLACE = re.compile(r"^[\w.-]+:\d+\s*- ")


class NativeLog:
    """Passes the library's lines on, and keeps its errors.

    While ``verbose`` (during loading) its information is passed on too: a native crash leaves no other trace.
    ``on_sampling`` is called when the library begins to denoise a picture.
    """

    def __init__(self) -> None:
        self.verbose = False
        self.on_sampling: Callable[[], None] = lambda: None
        self._errors: list[str] = []
        self._further_errors = 0
        self._callback = sd_cpp.sd_log_callback(self._on_line)

    def capture(self) -> None:
        """Take over the library's log."""
        sd_cpp.sd_set_log_callback(self._callback, ctypes.c_void_p(0))

    def forget_errors(self) -> None:
        """Begin anew."""
        self._errors.clear()
        self._further_errors = 0

    def error(self) -> str:
        """The errors since the last :meth:`forget_errors` in a line: the first ones, which name the cause."""
        more = f" (and {self._further_errors} more errors, see the log)" if self._further_errors else ""
        return "; ".join(self._errors) + more or "the library gave no reason"

    def _on_line(self, level: int, text: bytes, _: ctypes.c_void_p) -> None:
        line = _PLACE.sub("", text.decode("utf-8", "replace").strip())
        severity = LEVELS[min(max(level, 0), 3)]
        if severity == logging.ERROR:
            self._keep(line)
        if severity >= logging.WARNING or (self.verbose and severity == logging.INFO):
            log.log(severity, "stable-diffusion.cpp: %s", line)
        elif line.startswith(SAMPLING_STARTS):
            self.on_sampling()

    def _keep(self, error: str) -> None:
        if len(self._errors) < KEPT_ERRORS:
            self._errors.append(error)
        else:
            self._further_errors += 1


NATIVE_LOG = NativeLog()
