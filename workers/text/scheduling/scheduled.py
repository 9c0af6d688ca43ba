"""What a step holds: for each of its sequences, how many tokens and of which the logits are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workers.text.sequence import Sequence, SequenceState


@dataclass(frozen=True, slots=True)
class ScheduledTokens:
    """The next ``length`` tokens of a sequence; ``wants_logits`` if its last token is among them.

    ``echoes`` is how many of them, the last ones, give log probabilities of the prompt that are still to be sent.
    """

    sequence: Sequence
    length: int
    wants_logits: bool
    echoes: int = 0

    @property
    def outputs(self) -> int:
        """How many of the tokens, the last ones, give logits."""
        return self.echoes or int(self.wants_logits)


def cells_of(scheduled: Iterable[ScheduledTokens]) -> int:
    """Cells that a step will take; sequences preempted while planning need none."""
    return sum(part.length for part in scheduled if part.sequence.state is not SequenceState.WAITING)
