"""A prompt as the beginning of an answer's text, token by token."""

from __future__ import annotations

import codecs
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptEcho:
    """The text of a prompt for ``echo``.

    ``offsets`` has the number of whole characters of ``text`` before each of the prompt's tokens. ``unfinished`` are
    the bytes of a character that the prompt's last token does not complete, and that the answer may complete.
    """

    text: str
    offsets: list[int]
    unfinished: bytes = b""

    def part(self, first: int, end: int) -> str:
        """The text of the tokens from ``first`` to ``end - 1``."""
        begin = self.offsets[first] if first else 0
        return self.text[begin : self.offsets[end] if end < len(self.offsets) else None]


def echo_of_text(text: str, pieces: list[bytes]) -> PromptEcho:
    """The echo of a prompt that was given as text.

    Args:
        text: the prompt.
        pieces: the bytes of its tokens. They may begin with more than the text: a BOS token, or the space that some
            tokenisers put before a text. These have the offset 0.
    """
    decoded, offsets, _ = _decode(pieces)
    before = max(decoded.find(text), 0)
    return PromptEcho(text, [min(max(offset - before, 0), len(text)) for offset in offsets])


def echo_of_tokens(pieces: list[bytes]) -> PromptEcho:
    """The echo of a prompt that was given as tokens with these bytes."""
    return PromptEcho(*_decode(pieces))


def _decode(pieces: list[bytes]) -> tuple[str, list[int], bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text: list[str] = []
    offsets, characters = [], 0
    for piece in pieces:
        offsets.append(characters)
        text.append(decoder.decode(piece))
        characters += len(text[-1])
    return "".join(text), offsets, decoder.getstate()[0]
