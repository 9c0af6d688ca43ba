"""The states of a batch, as OpenAI names them."""

from __future__ import annotations

from enum import StrEnum


class BatchState(StrEnum):
    """A batch's state. ``finalizing`` writes the output files; all lines are done, or its time is over."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether no other state follows."""
        return not BATCH_MOVES[self]


BATCH_MOVES = {
    BatchState.VALIDATING: frozenset({BatchState.FAILED, BatchState.IN_PROGRESS, BatchState.CANCELLING}),
    BatchState.IN_PROGRESS: frozenset({BatchState.FINALIZING, BatchState.CANCELLING}),
    BatchState.FINALIZING: frozenset({BatchState.COMPLETED, BatchState.EXPIRED}),
    BatchState.CANCELLING: frozenset({BatchState.CANCELLED}),
    BatchState.FAILED: frozenset[BatchState](),
    BatchState.COMPLETED: frozenset[BatchState](),
    BatchState.EXPIRED: frozenset[BatchState](),
    BatchState.CANCELLED: frozenset[BatchState](),
}
"""The states that may follow each state."""
