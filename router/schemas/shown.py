"""A client's value in an error message."""

from __future__ import annotations

from typing import Any

MAX_SHOWN_CHARS = 100


def shown(value: Any) -> str:
    """``value`` in Python's notation, cut to ``MAX_SHOWN_CHARS``; text that cannot be encoded is escaped."""
    if isinstance(value, str | list | tuple | bytes):
        value = value[: MAX_SHOWN_CHARS + 1]
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"
