"""Where the last message of a user begins in a prompt."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from workers.chat.fitting import text_of
from workers.text.vocabulary import Vocabulary

TURN_START_TOKENS = 8
"""What templates write before a message: its role, between marker tokens."""

SOUGHT_CHARACTERS = 256
"""So much of the message's beginning is looked for."""


def last_turn(messages: list[dict[str, Any]] | None, tokens: list[int], vocabulary: Vocabulary) -> int:
    """Before which of a chat's ``tokens`` the turn of the last message of a user begins; 0 if that is not found.

    The text of the message is looked for, so any template will do. It is only a place: nothing depends on it but speed.
    """
    users = [message for message in messages or [] if message.get("role") == "user"]
    text = text_of(users[-1].get("content")).strip() if users else ""
    wanted = text[:SOUGHT_CHARACTERS].encode("utf-8", "replace")
    if not wanted:
        return 0
    pieces = [vocabulary.piece(token, special=True) if token >= 0 else b"" for token in tokens]
    before = b"".join(pieces).rfind(wanted)
    for position, end in enumerate(accumulate(map(len, pieces))):
        if end > before >= 0:
            return max(0, position - TURN_START_TOKENS)
    return 0
