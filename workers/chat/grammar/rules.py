"""What an answer may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_CALLS = 16
"""Maximum number of calls in one answer. Some models would never stop calling."""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """What an answer may be.

    Attributes:
        functions: the parameters of the functions that may be called, by name.
        parallel: more than one call may be made.
        required: a call must be made.
        demanded: what the words must be, as a part of a rule; None for free words.
        opened: the prompt ended within a thought.
        thinks: a thought may come first.
    """

    functions: Mapping[str, Any] = field(default_factory=dict)
    parallel: bool = True
    required: bool = False
    demanded: str | None = None
    opened: bool = False
    thinks: bool = True
