"""Behind which tokens of a prompt a checkpoint is made, for models that cannot go back to any other place.

A chat goes on from near its prompt's end, or is asked again from its last message on; others begin with the same long
document or instructions.
"""

from __future__ import annotations

from workers.text.cache.credits import PROMPT_TAIL_TOKENS
from workers.text.cache.pseudo_tokens import whole_prefix
from workers.text.sequence import Sequence

FIRST_TOKENS = 64
"""A shorter beginning is computed again in less time than its checkpoint is worth."""

APART_TOKENS = 32
"""Of places that are closer together, the first suffices."""

EVERY_TOKENS = 2048
"""Long prompts get a checkpoint behind each so many tokens, at the same places in all of them."""


def places_of(sequence: Sequence) -> list[int]:
    """The places in a sequence's prompt, in order. None is within a chunk of a medium."""
    length = sequence.prompt_length
    wanted = {sequence.last_turn, length - PROMPT_TAIL_TOKENS, *range(EVERY_TOKENS, length, EVERY_TOKENS)}
    places: list[int] = []
    for place in sorted({whole_prefix(sequence.tokens, place) for place in wanted if place > 0}):
        if place >= (places[-1] + APART_TOKENS if places else FIRST_TOKENS):
            places.append(place)
    return places


def next_place(sequence: Sequence) -> int | None:
    """The first place behind what is computed of a sequence."""
    return next((place for place in places_of(sequence) if place > sequence.computed), None)


def last_place(sequence: Sequence, most: int) -> int:
    """The last place that is not behind the first ``most`` tokens; 0 if there is none."""
    return max((place for place in places_of(sequence) if place <= most), default=0)
