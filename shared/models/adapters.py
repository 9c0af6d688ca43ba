"""LoRA adapters of a text model: how they are named, and which files and sets of them are good."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ModelError
from shared.wire.jobs import AdapterSet, WantedAdapters

MAX_SCALE = 100.0
"""The largest scale of an adapter, up or down."""

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]{0,63})=(?P<file>.*)", re.DOTALL | re.ASCII)
_SCALED = re.compile(r"(?P<file>.+):(?P<scale>[+-]?\d+(\.\d+)?)", re.DOTALL | re.ASCII)
_NOT_IN_NAMES = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """An adapter: the name by which requests choose it, its file, and the scale that it has where they name none."""

    name: str
    path: str
    scale: float = 1.0

    def __str__(self) -> str:
        """The adapter as the option ``adapters`` takes it."""
        return f"{self.name}={self.path}:{self.scale:g}"


class UnknownAdapterError(ModelError):
    """A request names an adapter that its model does not have. The message says which there are."""


def parse_adapter(text: str) -> AdapterFile:
    """Read ``NAME=FILE``, or ``FILE``, whose name is that of the file; either may have ``:SCALE`` behind it.

    Raises:
        ValueError: it is neither, or the scale is too large.
    """
    named = _NAMED.fullmatch(text)
    file = named["file"] if named else text
    scaled = None if Path(file).exists() else _SCALED.fullmatch(file)
    file = scaled["file"] if scaled else file
    scale = float(scaled["scale"]) if scaled else 1.0
    name = named["name"] if named else _NOT_IN_NAMES.sub("-", Path(file).stem).strip("-.")[:64]
    if not file or abs(scale) > MAX_SCALE:
        raise ValueError(f"expected NAME=FILE or FILE, with a scale up to {MAX_SCALE:g} behind it, got {text[:100]!r}")
    return AdapterFile(name or "adapter", file, scale)


@functools.lru_cache(maxsize=1024)
def adapters_of(settings: tuple[str, ...]) -> tuple[AdapterFile, ...]:
    """The adapters of a served model, from its settings, where all have a name, a path and a scale."""
    parts = [(*text.partition("=")[::2],) for text in settings]
    return tuple(AdapterFile(name, file.rpartition(":")[0], float(file.rpartition(":")[2])) for name, file in parts)


def settled_adapters(wanted: WantedAdapters, adapters: Sequence[AdapterFile]) -> AdapterSet:
    """The set that a request wants, always in the same form: by name, without those of scale 0.

    An adapter is named by its name or by its number, from 0, in the order of the option. The last mention counts.

    Raises:
        UnknownAdapterError: the model has no such adapter.
    """
    scales: dict[str, float] = {}
    for name, scale in wanted:
        adapter = find_adapter(name, adapters)
        if adapter is None:
            names = ", ".join(each.name for each in adapters)
            expected = f"one of {names}" if names else "none, since the model has no adapters"
            raise UnknownAdapterError(f"expected {expected}, got {name[:100]!r}")
        scales[adapter.name] = adapter.scale if scale is None else scale
    return tuple(sorted((name, scale) for name, scale in scales.items() if scale))


def find_adapter(name: str, adapters: Sequence[AdapterFile]) -> AdapterFile | None:
    """The adapter of this name or number, if there is one."""
    named = next((adapter for adapter in adapters if adapter.name == name), None)
    if named is None and name.isascii() and name.isdigit() and len(name) < 6 and int(name) < len(adapters):
        return adapters[int(name)]
    return named
