"""Events of a streamed response, as text. Each has a number; what comes with each token is formatted once per item."""

from __future__ import annotations

from typing import Any

from router.http.json_text import json_text


class Delta:
    """The form of an event that adds text: everything but its number and the text."""

    def __init__(self, kind: str, fields: dict[str, Any], ending: str = "") -> None:
        self.prefix = f'event: {kind}\ndata: {json_text({"type": kind, **fields})[:-1]},"sequence_number":'
        self.ending = ending
        self.suffix = f"{ending}}}\n\n"


class EventLines:
    """Numbers events from 0, and holds them until they are taken."""

    def __init__(self) -> None:
        self.next_number = 0
        self._lines: list[str] = []

    def take(self) -> list[str]:
        """The events since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def add(self, kind: str, fields: dict[str, Any]) -> None:
        """Add an event."""
        event = json_text({"type": kind, "sequence_number": self.next_number, **fields})
        self._lines.append(f"event: {kind}\ndata: {event}\n\n")
        self.next_number += 1

    def add_delta(self, delta: Delta, text: str) -> None:
        """Add an event that adds text."""
        self._lines.append(f'{delta.prefix}{self.next_number},"delta":{json_text(text)}{delta.suffix}')
        self.next_number += 1
