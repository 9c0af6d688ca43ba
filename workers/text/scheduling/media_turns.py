"""Which step computes embeddings of pictures and recordings, and of which prompt. llama.cpp mixes them with no tokens.

Steps with embeddings and steps with tokens take turns, so that streams go on beside a picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from workers.engine import Party
from workers.text.media.projector import Embeddings, MediaChunk
from workers.text.media.spans import MediaSpan
from workers.text.sequence import Sequence, SequenceState


class EmbeddingSource(Protocol):
    """Where embeddings come from."""

    def want(self, chunk: MediaChunk, party: Party, owner: str) -> bool:
        """They are needed until they are released. Whether they are at hand, for those of this owner."""

    def release(self, chunk: MediaChunk, party: Party, owner: str) -> None:
        """They are not needed any more."""

    def embeddings(self, chunk: MediaChunk, owner: str) -> Embeddings | None:
        """The embeddings, once they are there."""


class MediaTurns:
    """What the running sequences need of a ``source``; None for a model that takes text only.

    ``reused`` counts the chunks of prompts that were in the KV cache or at hand when these started.
    """

    def __init__(self, source: EmbeddingSource | None = None) -> None:
        self._source = source
        self._wanted: dict[Sequence, list[MediaSpan]] = {}
        self.is_next = False
        self.reused = 0

    def start(self, sequence: Sequence) -> None:
        """A sequence starts: what the KV cache lacks of its media is wanted."""
        if self._source is None or not sequence.media:
            return
        lacking = [span for span in sequence.media if span.end > sequence.computed]
        at_hand = sum([self._source.want(span.chunk, sequence.party, sequence.media_owner) for span in lacking])
        if lacking:
            self._wanted[sequence] = lacking
        if not sequence.reached:  # else it was preempted, and has been counted
            self.reused += len(sequence.media) - len(lacking) + at_hand

    def advance(self, sequence: Sequence) -> None:
        """Some of a sequence's tokens were computed: embeddings that are in the KV cache are wanted no more."""
        for span in [span for span in self._wanted.get(sequence, ()) if span.end <= sequence.computed]:
            self._release(sequence, span)

    def stop(self, sequence: Sequence) -> None:
        """A sequence has ended or was preempted."""
        for span in list(self._wanted.get(sequence, ())):
            self._release(sequence, span)

    def waiting(self) -> list[tuple[Sequence, MediaSpan]]:
        """What is wanted, and for which sequences."""
        return [(sequence, span) for sequence, spans in self._wanted.items() for span in spans]

    def ready(self, sequences: Iterable[Sequence]) -> list[Sequence]:
        """The prompts whose next tokens are embeddings that are there."""
        return [sequence for sequence in sequences if self._is_ready(sequence)]

    def _is_ready(self, sequence: Sequence) -> bool:
        if self._source is None or sequence.state is not SequenceState.PREFILL or sequence.pending_text:
            return False
        span = sequence.next_medium
        return span is not None and self._source.embeddings(span.chunk, sequence.media_owner) is not None

    def _release(self, sequence: Sequence, span: MediaSpan) -> None:
        assert self._source is not None
        self._source.release(span.chunk, sequence.party, sequence.media_owner)
        self._wanted[sequence].remove(span)
        if not self._wanted[sequence]:
            del self._wanted[sequence]


def embeddings_length(sequence: Sequence, span: MediaSpan, budget: int) -> int:
    """How many of a prompt's next embeddings a step computes: all of a chunk that attends to itself as a whole."""
    left = span.end - sequence.computed
    return min(left, max(budget, 1)) if span.chunk.is_causal else left
