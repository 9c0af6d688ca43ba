"""Encodes JSON for responses and events on one line, whatever counts as a line end."""

from __future__ import annotations

import json
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

# ``str.splitlines`` breaks at these too, and some Python clients split event streams with it.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def json_text(value: Any) -> str:
    """``value`` as JSON on one line.

    Raises:
        ValueError: a number is not finite.
    """
    text = _encoder.encode(value)
    return text if text.isascii() else text.translate(_LINE_ENDS)
