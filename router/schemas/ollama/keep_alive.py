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
    Field(description="Seconds, or a duration such as 5m. Noted: models stay loaded as long as the server runs."),
]
"""In seconds; negative is for ever."""

KEPT_LOADED = "keep_alive: models stay loaded as long as the server runs"
