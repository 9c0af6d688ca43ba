"""Sizes and durations as people write them: ``20G``, ``512Mi``, ``15m``, ``7d``."""

from __future__ import annotations

import math
import re

KILOBYTE = 1000
MEGABYTE = 1000 * KILOBYTE
GIGABYTE = 1000 * MEGABYTE
TERABYTE = 1000 * GIGABYTE
MINUTE_S = 60.0
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S

_DECIMAL = {"": 1, "k": KILOBYTE, "m": MEGABYTE, "g": GIGABYTE, "t": TERABYTE}
_BINARY = {"ki": 1024, "mi": 1024**2, "gi": 1024**3, "ti": 1024**4}
_BYTES = _DECIMAL | _BINARY
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": MINUTE_S, "h": HOUR_S, "d": DAY_S}
_QUANTITY = re.compile(r"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)")


def parse_bytes(text: str) -> int:
    """A size in bytes: a number with an optional unit, decimal (``k M G T``) or binary (``Ki Mi Gi Ti``).

    Raises:
        ValueError: not a size.
    """
    number, unit = _split(text)
    size = number * _BYTES[_known(unit.lower().removesuffix("b"), _BYTES)]
    if math.isinf(size):
        raise ValueError(f"expected a size, got {text!r}, which is too large")
    return round(size)


def parse_seconds(text: str) -> float:
    """A duration in seconds: a number with an optional unit (``ms s m h d``).

    Raises:
        ValueError: not a duration.
    """
    number, unit = _split(text)
    return number * _SECONDS[_known(unit, _SECONDS)]


def format_bytes(size: int) -> str:
    """The size in the largest decimal or binary unit that gives a whole number, such as ``20G`` or ``512Mi``."""
    if size == 0:
        return "0"
    name, factor = max(((n, f) for n, f in _BYTES.items() if size % f == 0), key=lambda unit: unit[1])
    return f"{size // factor}{name.capitalize()}" if name != "k" else f"{size // factor}k"


def format_seconds(seconds: float) -> str:
    """The duration in the largest unit that gives a whole number, such as ``10m``."""
    if seconds == 0:
        return "0"
    fitting = [(name, factor) for name, factor in _SECONDS.items() if name and seconds % factor == 0]
    name, factor = max(fitting, key=lambda unit: unit[1], default=("s", 1.0))
    return f"{seconds / factor:g}{name}"


def _split(text: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a number with an optional unit, got {text!r}")
    return float(match[1]), match[2]


def _known(unit: str, units: dict[str, int] | dict[str, float]) -> str:
    if unit not in units:
        raise ValueError(f"expected a unit of {', '.join(filter(None, units))}, got {unit!r}")
    return unit
