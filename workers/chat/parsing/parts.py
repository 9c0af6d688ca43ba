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
        self._held = list[str]()

    def pass_on(self, text: str) -> str:
        """The text that may be written now."""
        kept = text.rstrip()
        if not kept:
            if not self._leading:
                self._held.append(text)
            return ""
        if self._leading:
            shown, self._leading = kept.lstrip(), False
        else:
            shown = self.take_held() + kept
        self._held.append(text[len(kept) :])
        return shown

    def take_held(self) -> str:
        """The white space that was held back at the end."""
        held = "".join(self._held)
        self._held.clear()
        return held
