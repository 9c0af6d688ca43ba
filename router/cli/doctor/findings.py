"""What the doctor has found, one line each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FindingState(StrEnum):
    """How a finding is: as it should be, worth a thought, or something that a server needs and lacks."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``remedy`` is a command, or what else mends it; ``facts`` are for programs."""

    topic: str
    text: str
    state: FindingState = FindingState.OK
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def note(topic: str, text: str, remedy: str = "", **facts: Any) -> Finding:
    """A finding that is worth a thought."""
    return Finding(topic, text, FindingState.NOTE, remedy, facts)


def problem(topic: str, text: str, remedy: str, **facts: Any) -> Finding:
    """A finding that keeps a server from running."""
    return Finding(topic, text, FindingState.PROBLEM, remedy, facts)
