"""Turns the bytes of a sequence's tokens into the text, the thought and the tool calls that can be sent."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

from shared.wire.payloads import ToolCallDelta
from workers.chat.parsing.answer import AnswerParser
from workers.chat.parsing.parts import AnswerPart, Arguments, CallBegin, KeptThought, Thought, Words
from workers.text.output.stop_filter import StopFilter


@dataclass(slots=True)
class Said:
    """What may be sent of an answer."""

    text: str = ""
    reasoning: str = ""
    calls: list[ToolCallDelta] = field(default_factory=list)

    def __iadd__(self, other: Said) -> Said:
        self.text += other.text
        self.reasoning += other.reasoning
        self.calls += other.calls
        return self


class TextAssembler:
    """Collects a sequence's bytes and releases text as soon as it is final.

    Bytes of an incomplete UTF-8 character wait for the rest, and are left out if it never comes; invalid bytes become
    U+FFFD. ``parser`` takes answers to chats apart. Only their words pass the stop strings.

    ``characters`` counts the whole characters of all tokens so far, ``calls`` the calls. ``unfinished`` are bytes of a
    character that began before the first token.
    """

    def __init__(self, stop: list[str], parser: AnswerParser | None = None, unfinished: bytes = b"") -> None:
        self.characters = 0
        self.calls = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder.decode(unfinished)
        self._stop = StopFilter(stop)
        self._parser = parser
        self._without_arguments = False

    @property
    def stopped(self) -> bool:
        """Whether a stop string was found."""
        return self._stop.stopped

    @property
    def stop(self) -> str | None:
        """The stop string that was found."""
        return self._stop.found

    @property
    def thinking(self) -> bool:
        """Whether the answer so far ends within a thought."""
        return self._parser is not None and self._parser.thinking

    @property
    def between_texts(self) -> bool:
        """Whether the answer so far ends neither within a character nor within what may be a marker."""
        return not self._decoder.getstate()[0] and (self._parser is None or not self._parser.holds_text)

    def push(self, piece: bytes) -> Said:
        """Add a token's bytes; returns what may be sent now."""
        text = self._decoder.decode(piece)
        self.characters += len(text)
        if self._parser is None:
            return Said(self._stop.push(text))
        return self._said(self._parser.feed(text))

    def flush(self) -> Said:
        """End the sequence; returns what was held back, up to a stop string."""
        said = Said() if self._parser is None else self._said(self._parser.finish())
        said.calls += self._completed()
        said.text += self._stop.flush()
        return said

    def _said(self, parts: list[AnswerPart]) -> Said:
        said = Said()
        for part in parts:
            if self._stop.stopped:
                break
            match part:
                case Words(text):
                    said.text += self._stop.push(text)
                case KeptThought(text):
                    said.text += self._stop.flush() + text
                case Thought(text):
                    said.reasoning += text
                case CallBegin(name):
                    said.calls += [*self._completed(), ToolCallDelta(self.calls, name, "")]
                    self.calls += 1
                    self._without_arguments = True
                case Arguments(text):
                    said.calls.append(ToolCallDelta(self.calls - 1, None, text))
                    self._without_arguments = False
        return said

    def _completed(self) -> list[ToolCallDelta]:
        """The arguments of a call that was written without any."""
        if not self._without_arguments:
            return []
        self._without_arguments = False
        return [ToolCallDelta(self.calls - 1, None, "{}")]
