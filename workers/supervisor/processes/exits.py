"""Explains why a process ended, and what to do about it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from shared import exit_codes
from shared.memory.shortage import tells_of_shortage

NATIVE_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE})

FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

CANNOT_BE_LOADED = "the model cannot be loaded"
"""Of a worker that has logged why."""

EXITED_AS_ASKED = "exited with code 0"
"""Workers end so when the supervisor asks them to."""

TOO_LITTLE_MEMORY = "not enough memory for the model"
"""The same, where that was the reason."""

_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class MemoryFigures:
    """Memory when a process ended: what it held at its last heartbeat (0 if none came), and the machine's."""

    held_bytes: int
    available_bytes: int
    total_bytes: int

    @classmethod
    def now(cls, held_bytes: int = 0) -> MemoryFigures:
        """Measure the machine now."""
        memory = psutil.virtual_memory()
        return cls(held_bytes, int(memory.available), int(memory.total))

    def __str__(self) -> str:
        held = f"it held {_gib(self.held_bytes)}, and " if self.held_bytes else ""
        return f"{held}{_gib(self.available_bytes)} of {_gib(self.total_bytes)} were available"


def explain_exit(code: int, loading: bool, memory: MemoryFigures, kills: int | None = None) -> str:
    """Describe an exit in one line.

    Args:
        code: the exit code; for a signal, its negated number.
        loading: whether the process was still loading its model.
        memory: reported for a process that was probably killed for lack of memory.
        kills: how many processes the system has killed for lack of memory while it ran; None if that is not known.
    """
    if code >= 0:
        return _explain_code(code)
    name = _signal_name(-code)
    hint = _signal_hint(-code, loading, memory, kills)
    return f"killed by {name}" + (f": {hint}" if hint else "")


def is_hopeless(code: int) -> bool:
    """Whether a first load that ended this way would do so again: the engine refused the model or crashed."""
    return (
        code in (exit_codes.CANNOT_LOAD, exit_codes.OUT_OF_MEMORY) or -code in NATIVE_CRASHES or -code == signal.SIGILL
    )


def found_too_little_memory(code: int, last_lines: Sequence[str], killed: bool, kills: int | None = None) -> bool:
    """Whether a process probably ended for lack of memory. One that the supervisor has ``killed`` did not.

    ``kills`` is how many processes the system has killed for lack of memory while it ran. Where that is not known
    (None), any SIGKILL counts.
    """
    if code == -signal.SIGKILL:
        return not killed and kills != 0
    crashed = -code in NATIVE_CRASHES and any(map(tells_of_shortage, last_lines))
    return code == exit_codes.OUT_OF_MEMORY or crashed


def was_stopped_from_outside(code: int) -> bool:
    """Whether a signal ended a process that says nothing about the process itself, unless memory was short."""
    return -code in FROM_OUTSIDE


def _explain_code(code: int) -> str:
    if code == exit_codes.CANNOT_LOAD:
        return CANNOT_BE_LOADED
    if code == exit_codes.OUT_OF_MEMORY:
        return TOO_LITTLE_MEMORY
    if code == exit_codes.REPLACE:
        return "exited to stop a cancelled request"
    return EXITED_AS_ASKED if code == 0 else f"exited with code {code}"


def _signal_hint(number: int, loading: bool, memory: MemoryFigures, kills: int | None) -> str:
    if number == signal.SIGILL:
        return (
            "the engine was built for another CPU; rebuild it on this one with make, or with "
            'CMAKE_ARGS="-DGGML_NATIVE=OFF" pip install --force-reinstall --no-cache-dir '
            "--no-binary llama-cpp-python llama-cpp-python"
        )
    if number == signal.SIGKILL and kills == 0:
        return "by a user or a program; the system has killed nothing for lack of memory"
    if number == signal.SIGKILL:
        advice = "; use a smaller model, a smaller --nctx or fewer --workers" if memory.held_bytes else ""
        doubt = ", unless someone killed it by hand" if kills is None else ""
        return f"probably out of memory ({memory}){doubt}{advice}"
    if number in NATIVE_CRASHES and loading:
        return "the model file is probably damaged, or of a format that the engine does not support"
    if number in NATIVE_CRASHES:
        return "the engine crashed"
    return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f} GiB"
