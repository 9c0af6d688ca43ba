"""Logs when functions are entered and left, in every Python process that finds this module on its path.

``NEXA_TEST_CALLS`` names a file with the functions, one ``path/of/module.py Class.function`` per line. The processes
append lines of the same form to the file beside it that ends in ``.log``, each after a monotonic time in nanoseconds.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import CodeType, FrameType
from typing import Any


class CallLog:
    """A profiler for all threads of a process."""

    def __init__(self, watched: Path) -> None:
        self._watched = {line: tuple(line.split()) for line in watched.read_text().splitlines()}
        self._known: dict[CodeType, str | None] = {}
        self._log = os.open(watched.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Called by the interpreter."""
        if event in ("call", "return"):
            code = frame.f_code
            if code not in self._known:
                self._known[code] = self._name_of(code)
            name = self._known[code]
            if name is not None:
                os.write(self._log, f"{time.monotonic_ns()} {name}\n".encode())

    def _name_of(self, code: CodeType) -> str | None:
        for name, (path, function) in self._watched.items():
            if code.co_qualname == function and code.co_filename.endswith(f"/{path}"):
                return name
        return None


if "NEXA_TEST_CALLS" in os.environ:
    call_log = CallLog(Path(os.environ["NEXA_TEST_CALLS"]))
    threading.setprofile(call_log)
    sys.setprofile(call_log)
