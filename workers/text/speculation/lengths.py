"""How many tokens are drafted for each sequence of a step, so that most tokens come out per second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

from workers.text.sequence import Sequence as TextSequence

MIN_GAIN = 1.04
"""Drafts must promise this many times the tokens per second, as the estimates are not exact."""

LOOKAHEAD = 8
"""So many further tokens are tried when one more did not pay: a step's cost grows in stairs."""


@dataclass(frozen=True, slots=True)
class DraftCandidate:
    """A sequence that can have up to ``most`` drafts, each of which is ``likely`` accepted if those before it are.

    ``tokens`` are the drafts; None if a draft model is to be asked for them, which takes a round for each.
    """

    sequence: TextSequence
    likely: float
    most: int
    tokens: list[int] | None


def choose_lengths(
    candidates: Sequence[DraftCandidate], streams: int, seconds: Callable[[int, int], float]
) -> list[int]:
    """The numbers of tokens to draft.

    Args:
        candidates: the sequences that can have drafts.
        streams: the number of sequences of the step, each of which gets one token anyway.
        seconds: how long a step takes with so many drafts, of which a draft model makes some in so many rounds.
    """
    lengths, best = [0] * len(candidates), [0] * len(candidates)
    best_rate, best_total = MIN_GAIN * streams / seconds(0, 0), 0
    gains = [(-candidate.likely, index) for index, candidate in enumerate(candidates)]
    heapify(gains)
    expected, rounds = float(streams), 0
    for total in range(1, sum(candidate.most for candidate in candidates) + 1):
        gain, index = gains[0]
        candidate = candidates[index]
        lengths[index] += 1
        expected -= gain
        if candidate.tokens is None:
            rounds = max(rounds, lengths[index])
        rate = expected / seconds(total, rounds)
        if rate > best_rate:
            best_rate, best_total, best = rate, total, list(lengths)
        elif total - best_total >= LOOKAHEAD:
            break
        heapreplace(gains, (gain * candidate.likely if lengths[index] < candidate.most else 0.0, index))
    return best
