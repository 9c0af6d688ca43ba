"""Whether what a process said before it ended tells of too little memory."""

from __future__ import annotations

import re

_SHORTAGE = re.compile(
    r"out of memory|not enough memory|(cannot|can't|unable to|failed to|could not) allocate|allocation failed"
    r"|failed to create (buffer|context)|cudamalloc|bad_alloc|memoryerror",
    re.IGNORECASE,
)


def tells_of_shortage(text: str) -> bool:
    """Whether an error message of an engine, or a line of its output, is about too little memory."""
    return _SHORTAGE.search(text) is not None
