"""How many of a prompt's next tokens one step computes."""

from __future__ import annotations

from workers.text.scheduling.checkpoint_places import next_place
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.sequence import Sequence

MAX_ECHOED_TOKENS = 128
"""Tokens of a prompt that one step takes if the log probabilities of all of them are wanted.

Each costs a row of logits in memory, and some tenths of a millisecond to read it.
"""


def prompt_part(sequence: Sequence, budget: int, needs_checkpoints: bool, is_alone: bool) -> ScheduledTokens:
    """The next tokens of a prompt whose next one is text, at most ``budget``.

    They end at the next checkpoint where the memory needs these. ``is_alone``: nothing else is computed in their set of
    adapters.
    """
    length = min(sequence.pending_text, budget)
    if needs_checkpoints and (place := next_place(sequence)) is not None:
        length = min(length, place - sequence.computed)
    if sequence.wants_prompt_logprobs:
        length = min(length, sequence.first_echoing - sequence.computed + MAX_ECHOED_TOKENS)
    if length == sequence.pending > 1 and is_alone:
        # The batch's shape changes the rounding. A repeated prompt is cached except for its last token, so it
        # gives the same text again only if that token was computed alone the first time too.
        length -= 1
    echoes = max(sequence.computed + length - sequence.first_echoing, 0) if sequence.wants_prompt_logprobs else 0
    return ScheduledTokens(sequence, length, length == sequence.pending, echoes)
