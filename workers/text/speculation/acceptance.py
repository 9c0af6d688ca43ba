"""How likely it is that a drafted token is the one that is drawn."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY = 0.8
"""What a draft counts for when the next one has been compared: about the last five count."""

PRIOR_DRAWS = 2.0
"""A source's usual acceptance counts like so many draws of a new sequence."""

MAX_LIKELY = 0.98


@dataclass(slots=True)
class Acceptance:
    """The running estimate of one source of drafts, for one sequence or for all."""

    accepted: float
    refused: float

    @property
    def likely(self) -> float:
        """The probability that a draft is accepted if those before it are."""
        return min(self.accepted / (self.accepted + self.refused), MAX_LIKELY)

    def observe(self, drafted: int, accepted: int) -> None:
        """Learn from a draft. What stood behind the first token that was refused says nothing."""
        self.accepted = MEMORY * self.accepted + accepted
        self.refused = MEMORY * self.refused + (accepted < drafted)

    @classmethod
    def like(cls, usual: float) -> Acceptance:
        """An estimate for a new sequence, from what is usual."""
        return cls(PRIOR_DRAWS * usual, PRIOR_DRAWS * (1 - usual))
