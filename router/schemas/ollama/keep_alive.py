"""``keep_alive``: how long a model stays loaded, as seconds or in Go's notation (``5m``, ``1h30m``)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"\d+\.?\d*|\.\d+"
_PLAIN = re.compile(rf"[+-]?(?:{_NUMBER})", re.ASCII)
_DURATION = re.compile(rf"([+-]?)((?:(?:{_NUMBER})(?:{'|'.join(_UNITS_S)}))+)", re.ASCII)
_PART = re.compile(rf"({_NUMBER})({'|'.join(_UNITS_S)})", re.ASCII)
_MAX_CHARS = 64


def _seconds(given: Any) -> Any:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    if isinstance(given, str) and len(given) <= _MAX_CHARS:
        text = given.strip()
        if _PLAIN.fullmatch(text):
            return float(text)
        if match := _DURATION.fullmatch(text):
            seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(match[2]))
            return -seconds if match[1] == "-" else seconds
    raise ValueError('expected seconds or a duration such as "5m"')


KeepAlive = Annotated[
    float,
    BeforeValidator(_seconds, json_schema_input_type=float | str),
    Field(description="Seconds, or a duration such as 5m, that a model which is loaded on demand stays idle."),
]
"""In seconds; negative is for ever."""

KEPT_LOADED = "keep_alive: the model stays loaded as long as the server runs"
"""Of a model that is loaded at the start."""


def kept_notes(keep_alive: float | None, on_demand: bool) -> list[str]:
    """What a request's ``keep_alive`` asks for and does not get."""
    return [KEPT_LOADED] if keep_alive is not None and keep_alive >= 0 and not on_demand else []
