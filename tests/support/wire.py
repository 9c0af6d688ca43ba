"""The types of the wire, found from the code."""

from __future__ import annotations

import shared.wire.messages  # noqa: F401 (defines the types)
from shared.wire.codec import Struct

CODED_TYPES: list[type[Struct]] = [
    cls
    for cls in Struct.__subclasses__()
    if cls.__struct_config__.tag is not None and cls.__module__.startswith("shared.wire.")
]
"""Messages, payloads and jobs: the types that have a type code. Those between a worker and its sandbox have others."""


def type_code(cls: type[Struct]) -> int:
    """The type code of one of :data:`CODED_TYPES`."""
    code = cls.__struct_config__.tag
    assert isinstance(code, int)
    return code
