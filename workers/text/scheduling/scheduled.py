"""What a step holds: for each of its sequences, how many tokens and of which the logits are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from workers.text.media.spans import MediaSpan
from workers.text.sequence import Sequence, SequenceState


@dataclass(frozen=True, slots=True)
class ScheduledTokens:
    """The next ``length`` tokens of a sequence; ``wants_logits`` if its last token is among them.

    ``echoes`` is how many of them, the last ones, give log probabilities of the prompt that are still to be sent.
    ``drafts`` are guesses of what comes after a last token: they are computed behind it, all with logits.
    With a ``span`` they are embeddings of its chunk, which are alone in their step.
    """

    sequence: Sequence
    length: int
    wants_logits: bool
    echoes: int = 0
    drafts: list[int] = field(default_factory=list)
    span: MediaSpan | None = None

    @property
    def width(self) -> int:
        """How many tokens are computed, and cells taken."""
        return self.length + len(self.drafts)

    @property
    def outputs(self) -> int:
        """How many of the computed tokens, the last ones, give logits."""
        return self.echoes or int(self.wants_logits) + len(self.drafts)


def cells_of(scheduled: Iterable[ScheduledTokens]) -> int:
    """Cells that a step will take; sequences preempted while planning need none."""
    return sum(part.width for part in scheduled if part.sequence.state is not SequenceState.WAITING)
