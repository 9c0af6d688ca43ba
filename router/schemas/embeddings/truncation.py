"""What happens to inputs that are too long for the model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from shared.wire.jobs import Truncation

_WORDS = {word.value: word for word in Truncation}


def _truncation(given: Any) -> Truncation:
    if isinstance(given, bool):
        return Truncation.END if given else Truncation.NONE
    word = _WORDS.get(given.lower()) if isinstance(given, str) else None
    if word is None:
        raise ValueError('expected true, false, "none", "start" or "end"')
    return word


TruncateField = Annotated[
    Truncation,
    BeforeValidator(_truncation, json_schema_input_type=bool | str),
    Field(
        description="Cut inputs that are too long for the model: true or `end` cut their end, `start` their start; "
        "otherwise they are an error."
    ),
]
