"""What must be known of a line's body before it is run: its model, how many jobs it takes, and what cannot be had."""

from __future__ import annotations

from typing import Any

import msgspec

from router.schemas.errors import ApiError
from router.schemas.shown import shown


class _Body(msgspec.Struct):
    model: Any = None
    n: Any = None
    prompt: Any = None
    stream: Any = None
    background: Any = None


class BodyFacts(msgspec.Struct, frozen=True):
    """``model`` is the name as it was given, empty without one; ``jobs`` how many run at once for it."""

    model: str
    jobs: int


def facts_of(body: bytes) -> BodyFacts:
    """What a body says. What is wrong with it otherwise, its endpoint says: numbers or texts that cannot be read, too.

    Raises:
        ApiError: 400, it asks for a stream, or to be run in the background.
    """
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return BodyFacts("", 1)
    for name in ("stream", "background"):
        value = getattr(read, name)
        if value not in (None, False):
            raise ApiError(400, f"{name}: expected false in a batch, got {shown(value)}", name)
    choices = read.n if type(read.n) is int and read.n > 0 else 1
    prompts = len(read.prompt) if isinstance(read.prompt, list) and _are_prompts(read.prompt) else 1
    return BodyFacts(read.model if isinstance(read.model, str) else "", choices * prompts)


def _are_prompts(prompt: list[Any]) -> bool:
    return bool(prompt) and isinstance(prompt[0], str | list)
