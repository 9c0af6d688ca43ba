"""What an answer consists of, as it is found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thought:
    """More of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class KeptThought:
    """More of a thought that is left in the answer's text, with its markers."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallBegin:
    """A call of a function begins. ``id`` is what the model named it, if it did."""

    name: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Arguments:
    """More of the JSON text of the last call's arguments."""

    text: str


AnswerPart = Thought | KeptThought | Words | CallBegin | Arguments


class Trimmer:
    """Passes text on without the white space at its ends, for a sink that gets it piece by piece."""

    def __init__(self, leading: bool) -> None:
        self._leading = leading
        self._held = ""

    def pass_on(self, text: str) -> str:
        """The text that may be written now."""
        text = self._held + text
        if self._leading:
            text = text.lstrip()
        kept = text.rstrip()
        if kept:
            self._leading = False
        self._held = text[len(kept) :] if kept or not self._leading else ""
        return kept

    def take_held(self) -> str:
        """The white space that was held back at the end."""
        held, self._held = self._held, ""
        return held
