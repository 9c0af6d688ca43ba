"""The arguments of calls, for APIs that answer them as objects instead of JSON text."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape; the group is there for half of a pair, which stands for no character."""


def whole_escapes(arguments: str) -> str:
    """The arguments with U+FFFD for each half of a pair, which could not be sent as text."""
    if "\\u" not in arguments:
        return arguments
    return _HALF.sub(lambda found: "\\ufffd" if found[1] else found[0], arguments)


def read_arguments(arguments: str) -> Any:
    """The arguments that a call's JSON text stands for; none are an empty object.

    Raises:
        ValueError: the text is no JSON, as that of a call which was cut off.
    """
    return json.loads(whole_escapes(arguments) or "{}")
