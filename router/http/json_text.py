"""JSON as text, for what is sent: fast for single strings, and without anything that a client could trip over."""

from __future__ import annotations

import json
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

# Line ends to Python's ``str.splitlines``, with which some clients cut an event stream into lines.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def json_text(value: Any) -> str:
    """``value`` as JSON on one line.

    Raises:
        ValueError: a number is not finite.
    """
    text = _encoder.encode(value)
    return text if text.isascii() else text.translate(_LINE_ENDS)
