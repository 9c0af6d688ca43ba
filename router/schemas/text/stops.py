"""Strings that end an answer."""

from __future__ import annotations

from typing import Any

MAX_STOPS = 16
MAX_STOP_CHARS = 1024


def checked_stops(given: Any, name: str = "stop words") -> list[str]:
    """A string, or a list of a few short ones, as a list without empty ones. ``name`` is what errors call them.

    Raises:
        ValueError: it is something else.
    """
    stops = [given] if isinstance(given, str) else given
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise ValueError(f"expected a string or a list of up to {MAX_STOPS} strings")
    stops = [stop for stop in stops if stop]
    if len(stops) > MAX_STOPS:
        raise ValueError(f"expected at most {MAX_STOPS} {name}, got {len(stops)}")
    if not all(len(stop) <= MAX_STOP_CHARS for stop in stops):
        raise ValueError(f"expected {name} of at most {MAX_STOP_CHARS} characters")
    return stops
