"""One sequence that is being generated, from the prompt to the last token."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

from shared.states import move
from shared.wire.jobs import TextJob
from shared.wire.payloads import FinishReason, Tokens
from workers.llama.constraints.closing import ClosingGuard
from workers.llama.constraints.constraint import TokenConstraint
from workers.llama.sampling.sampler import Sampler
from workers.llama.text import TextAssembler


class SequenceState(StrEnum):
    """Where a sequence stands in its worker. Its moves are in :data:`SEQUENCE_MOVES`."""

    WAITING = "waiting"
    PREFILL = "prefill"
    DECODE = "decode"
    FINISHED = "finished"


SEQUENCE_MOVES: dict[SequenceState, frozenset[SequenceState]] = {
    SequenceState.WAITING: frozenset({SequenceState.PREFILL, SequenceState.FINISHED}),
    SequenceState.PREFILL: frozenset({SequenceState.DECODE, SequenceState.WAITING, SequenceState.FINISHED}),
    SequenceState.DECODE: frozenset({SequenceState.WAITING, SequenceState.FINISHED}),
    SequenceState.FINISHED: frozenset(),
}


@dataclass(slots=True, eq=False)
class Sequence:
    """The tokens of one job and how far they have been decoded.

    ``tokens`` are the prompt's and then the generated ones; the first ``computed`` of them are in the KV cache. While
    decoding, the last token (and any tokens that a grammar forced) are not computed yet. ``max_tokens`` bounds the
    generated tokens; the engine has fitted it to the context. ``special_pieces`` is set where the text needs the
    spelling of special tokens, as tool calls do. ``replayed`` tells why a sequence that was taken over had ended.
    ``opening`` is what a grammar forced before anything was drawn, until it is sent: it is computed with the prompt.
    """

    job_id: str
    job: TextJob
    tokens: list[int]
    prompt_length: int
    max_tokens: int
    sampler: Sampler
    assembler: TextAssembler
    constraint: TokenConstraint | None = None
    closing_guard: ClosingGuard | None = None
    special_pieces: bool = False
    state: SequenceState = SequenceState.WAITING
    cache_id: int = -1
    computed: int = 0
    cached_tokens: int = 0
    started: bool = False
    replayed: FinishReason | None = None
    opening: Tokens | None = None
    preemptions: int = 0
    received_s: float = field(default_factory=time.monotonic)
    ttft_s: float = 0.0

    @property
    def pending(self) -> int:
        """Tokens that are not in the KV cache yet."""
        return len(self.tokens) - self.computed

    @property
    def generated(self) -> int:
        """Tokens after the prompt."""
        return len(self.tokens) - self.prompt_length

    def move(self, state: SequenceState) -> None:
        """Go to ``state``, which must be one of the allowed moves."""
        self.state = move(SEQUENCE_MOVES, self.state, state, f"sequence {self.job_id}")
