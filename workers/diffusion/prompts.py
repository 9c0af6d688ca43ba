"""Texts that the library can take: it ends the process on some that it cannot."""

from __future__ import annotations

import re

import numpy as np

from shared.wire.payloads import JobError

# What the library's parse_prompt_attention() reads as brackets, weights and escaped brackets. All else is text to it.
_PARTS = re.compile(rb"\\[()\[\]\\]|\(|:([+-]?[.\d]+)\)|\)")

# What C's strtof() reads of a weight; the library ignores what follows.
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)")

_SMALLEST, _LARGEST = (float(bound) for bound in (np.finfo(np.float32).tiny, np.finfo(np.float32).max))


def check_text(field_name: str, text: str) -> None:
    """Check that ``text`` can be a C string.

    Raises:
        JobError: 400, it cannot.
    """
    if "\0" in text:
        raise JobError(400, f"{field_name}: expected text without NUL characters", field_name)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise JobError(400, f"{field_name}: expected text, got half of a surrogate pair", field_name) from None


def check_weights(field_name: str, text: str) -> None:
    """Check the weights of a prompt, as in ``(word:1.2)``.

    Raises:
        JobError: 400, the library cannot read one of them.
    """
    for weight in _weights(text.encode()):
        if not _is_single_precision(weight):
            got = weight.decode()
            shown = repr(got if len(got) <= 20 else f"{got[:20]}…")
            message = f"{field_name}: expected a weight such as 1.2 in (word:1.2), got {shown}"
            raise JobError(400, f"{message}; \\( and \\) are plain brackets", field_name)


def _weights(text: bytes) -> list[bytes]:
    """The weights of the round brackets in ``text`` that are open where it stands. Elsewhere a weight is no number."""
    found: list[bytes] = []
    depth = 0
    for part in _PARTS.finditer(text):
        match part[0]:
            case b"(":
                depth += 1
            case b")":
                depth = max(depth - 1, 0)
            case _ if part[1] is not None and depth:
                depth -= 1
                found.append(part[1])
    return found


def _is_single_precision(weight: bytes) -> bool:
    number = _NUMBER.match(weight)
    if number is None:
        return False
    value = abs(float(number[0]))
    return _SMALLEST <= value <= _LARGEST or not number[0].strip(b"+-.0")
