"""stable-diffusion.cpp's log, which is global to the process."""

from __future__ import annotations

import ctypes
import logging
import re
from collections.abc import Callable

import stable_diffusion_cpp as sd_cpp

from workers.diffusion.native.lora_uses import LoraUses

LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
"""The levels of :mod:`logging` for ``sd_log_level_t`` of ``stable-diffusion.h``."""

SAMPLING_STARTS = "generating image:"
"""The library logs this when all tensors are read and denoising begins."""

MAX_ERRORS = 3
"""The first errors name the cause; later ones are only counted."""

log = logging.getLogger("nexa.worker.diffusion")

_PLACE = re.compile(r"^[\w.-]+:\d+\s*- ")


class NativeLog:
    """Passes the library's warnings and errors to :mod:`logging`, and keeps its errors.

    While ``verbose`` is set (during loading), its information is logged too: a native crash leaves no other trace.
    ``on_sampling`` is called when denoising of a picture begins. ``lora_uses`` is what it says of LoRAs.
    """

    def __init__(self) -> None:
        self.verbose = False
        self.on_sampling: Callable[[], None] = lambda: None
        self.lora_uses = LoraUses()
        self._errors: list[str] = []
        self._further_errors = 0
        self._callback = sd_cpp.sd_log_callback(self._on_line)

    def capture(self) -> None:
        """Install this as the library's log callback."""
        sd_cpp.sd_set_log_callback(self._callback, ctypes.c_void_p(0))

    def forget_errors(self) -> None:
        """Drop the errors kept so far."""
        self._errors.clear()
        self._further_errors = 0

    def error(self) -> str:
        """The first errors since the last :meth:`forget_errors`, in one line."""
        more = f" (and {self._further_errors} more errors in the log)" if self._further_errors else ""
        return "; ".join(self._errors) + more or "the library gave no reason"

    def _on_line(self, level: int, text: bytes, _: ctypes.c_void_p) -> None:
        line = _PLACE.sub("", text.decode("utf-8", "replace").strip())
        severity = LEVELS[min(max(level, 0), 3)]
        self.lora_uses.note(line)
        if severity == logging.ERROR:
            self._keep(line)
        if severity >= logging.WARNING or (self.verbose and severity == logging.INFO):
            log.log(severity, "stable-diffusion.cpp: %s", line)
        elif line.startswith(SAMPLING_STARTS):
            self.on_sampling()

    def _keep(self, error: str) -> None:
        if len(self._errors) < MAX_ERRORS:
            self._errors.append(error)
        else:
            self._further_errors += 1


NATIVE_LOG = NativeLog()
