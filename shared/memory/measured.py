"""What workers really took, kept across restarts in one small file of the state folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, MsgspecError, Raw, Struct
from msgspec.json import Decoder

from shared.memory.files import files_stamp
from shared.memory.fitting import CPU, FittedModel
from shared.settings.model import OF_NO_WORKER

log = logging.getLogger("nexa.memory")

FILE_NAME = "memory.json"
MAX_MODELS = 512
MAX_FILE_BYTES = 4 * 1000 * 1000

MARGIN_RATIO = 0.1
"""Of what was measured, this much more is planned: steps differ."""

LEAST_RATIO = 0.6
"""Of the estimate, this much is planned at least: an idle worker has not used all its buffers yet."""

RAISE_FACTOR, MAX_RAISE = 1.25, 2.0
"""How much more is planned after each death for lack of memory, and at most."""

_NOT_IN_MEMORY = OF_NO_WORKER | {
    "chat_template",
    "compile_memory_bytes",
    "compile_time_s",
    "name",
    "reasoning_effort",
    "reasoning_format",
    "share_prefixes",
    "step_s",
    "thinking_budget_tokens",
    "threads",
}
"""Options that change nothing of what a model takes."""

_Bytes = Annotated[int, Meta(ge=0, le=1 << 60)]


class _Entry(Struct):
    """One model. ``host_bytes`` and ``device_bytes`` are the most that was seen, 0 and none before any load."""

    host_bytes: _Bytes = 0
    device_bytes: tuple[_Bytes, ...] = ()
    load_s: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    raised: Annotated[float, Meta(ge=1, le=MAX_RAISE)] = 1.0


_RAW = Decoder(dict[str, Raw])
_ENTRY = Decoder(_Entry)


class MeasuredMemory:
    """The figures of up to :data:`MAX_MODELS` models; those that were not learnt for the longest time make room.

    Without ``path``, or where it cannot be read or written, they are only kept until the process ends. Threads may
    share it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries = _read(path)
        self._told = False

    def learn(self, place: FittedModel, memory: Mapping[str, int], load_s: float) -> None:
        """Note what a worker takes, by device in bytes, without the processes beside it; and how long it loaded.

        Figures of 0 were not measured.
        """
        key = _key(place)
        with self._lock:
            old = self._entries.pop(key, _Entry())
            devices = tuple(size for name, size in memory.items() if name != CPU)
            known = old.device_bytes if len(old.device_bytes) == len(devices) else (0,) * len(devices)
            largest = tuple(max(pair) for pair in zip(devices, known, strict=True))
            entry = _Entry(max(old.host_bytes, memory.get(CPU, 0)), largest, load_s, 1.0)
            self._entries[key] = entry
            if entry != old:
                self._save()

    def too_small(self, place: FittedModel) -> None:
        """Note that a worker found less memory than it needed."""
        key = _key(place)
        with self._lock:
            entry = self._entries.pop(key, _Entry())
            entry.raised = min(MAX_RAISE, entry.raised * RAISE_FACTOR)
            self._entries[key] = entry
            self._save()

    def best(self, place: FittedModel) -> dict[str, int]:
        """What to plan for a worker, by device in bytes: as measured with a margin, else as estimated."""
        key = _key(place)
        with self._lock:
            entry = self._entries.get(key, _Entry())
        measured = _took(entry, place)
        return {
            name: round(entry.raised * _planned(estimated, measured.get(name, 0)))
            for name, estimated in place.memory.items()
        }

    def took(self, place: FittedModel) -> dict[str, int]:
        """The most that a worker took, by device in bytes, with the processes beside it; empty before any load."""
        key = _key(place)
        with self._lock:
            return _took(self._entries.get(key, _Entry()), place)

    def load_s(self, place: FittedModel) -> float | None:
        """How long the last load took; None before any."""
        key = _key(place)
        with self._lock:
            entry = self._entries.get(key)
        return entry.load_s if entry is not None and entry.load_s > 0 else None

    def _drop_oldest(self) -> None:
        while len(self._entries) > MAX_MODELS:
            del self._entries[next(iter(self._entries))]

    def _save(self) -> None:
        self._drop_oldest()
        if self._path is None:
            return
        others = {key: entry for key, entry in _read(self._path).items() if key not in self._entries}
        self._entries = {**others, **self._entries}  # what another server has learnt meanwhile is not lost
        self._drop_oldest()
        try:
            _write(self._path, msgspec.json.encode(self._entries))
        except OSError as error:
            if not self._told:
                self._told = True
                log.warning("what models take is not kept: %s cannot be written: %s", self._path, error)


def _took(entry: _Entry, place: FittedModel) -> dict[str, int]:
    gpus = [name for name in place.memory if name != CPU]
    took = dict(zip(gpus, entry.device_bytes, strict=False))
    if entry.host_bytes:
        took[CPU] = entry.host_bytes + round(place.beside_bytes / (1 + MARGIN_RATIO))
    return took


def _planned(estimated: int, measured: int) -> float:
    return max(measured * (1 + MARGIN_RATIO), LEAST_RATIO * estimated) if measured else estimated


def _key(place: FittedModel) -> str:
    """The identity of a model's files and of the options that change what it takes, on the CPU or on so many GPUs."""
    model = place.model
    options = {name: value for name, value in model.model_dump(mode="json").items() if name not in _NOT_IN_MEMORY}
    facts = [options, len(place.memory), *files_stamp(model)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _read(path: Path | None) -> dict[str, _Entry]:
    """The entries of a file; those that are damaged are left out."""
    try:
        if path is None or path.stat().st_size > MAX_FILE_BYTES:
            return {}
        raw = _RAW.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, MsgspecError, UnicodeError, RecursionError) as error:
        log.warning("what models take is learnt again: %s cannot be read: %s", path, error)
        return {}
    entries = {}
    for key, value in raw.items():
        with contextlib.suppress(MsgspecError, UnicodeError, RecursionError):
            entries[key] = _ENTRY.decode(value)
    return entries


def _write(path: Path, content: bytes) -> None:
    """Write a file that others see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(part, path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise
