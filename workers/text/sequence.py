"""One sequence, from the prompt to the last token."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

from shared.states import move
from shared.wire.jobs import AdapterSet, TextJob
from shared.wire.payloads import FinishReason, Tokens
from workers.engine import Party
from workers.text.chats import ThinkingBudget
from workers.text.constraints.closing import ClosingGuard
from workers.text.constraints.constraint import TokenConstraint
from workers.text.media.spans import MediaSpan, position_of
from workers.text.output.assembler import TextAssembler
from workers.text.output.prompt_echo import PromptEcho
from workers.text.sampling.sampler import Sampler


class SequenceState(StrEnum):
    """The states of a sequence in its worker. :data:`SEQUENCE_MOVES` holds the allowed moves."""

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
    """The tokens of one job, and the number of them that are computed.

    ``tokens`` are the prompt's, then the generated ones. The first ``computed`` of them are in the KV cache, as
    sequence ``cache_id`` (-1 for none). While decoding, the last token and those that a grammar forced are pending.
    ``max_tokens`` bounds the generated tokens and fits the context. ``shown`` are the special tokens whose texts are
    part of the answer, as those around calls are. ``reasoning_tokens`` counts the tokens of thoughts, which end at
    their ``budget``. ``warnings`` are for the client. ``echo`` is set if the answer begins with the prompt; ``echoed``
    counts the prompt's tokens whose log probabilities were sent. ``forced_start`` are the tokens that the grammar
    forces first: they are computed with the prompt, and sent with the first drawn token. ``takeover_end`` is the finish
    reason of a sequence that needs no step of this worker: earlier workers generated all, or ``max_tokens`` is 0.
    Instants are monotonic.

    ``last_turn`` is where the last message of a user begins in the prompt, as far as that is known; 0 if it is not.

    ``user`` is the opaque id of who asked for it, and ``weight`` the user's share of the worker. Only sequences with
    the same ``cache_owner`` share cached prefixes; none do that have other ``adapters``, with which all their tokens
    are computed. ``fetched`` is whether its beginning was looked for on disk. ``begun_at`` is how many tokens were
    cached when it last started, and ``reached`` how far it was when it was last preempted; until it is at
    ``guarded_until``, it makes no room for other users. ``prediction`` is what the client expects as the answer:
    ``predicted_tokens`` of it were drafted and drawn, ``mispredicted_tokens`` were drafted and not drawn.

    ``media`` are the chunks of pictures and recordings in the prompt, in order, whose places hold pseudo tokens
    (:mod:`workers.text.cache.pseudo_tokens`). Their embeddings are shared by sequences with the same ``media_owner``.
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
    shown: frozenset[int] = frozenset()
    budget: ThinkingBudget | None = None
    reasoning_tokens: int = 0
    warnings: list[str] = field(default_factory=list)
    echo: PromptEcho | None = None
    echoed: int = 0
    state: SequenceState = SequenceState.WAITING
    cache_id: int = -1
    computed: int = 0
    cached_tokens: int = 0
    started: bool = False
    takeover_end: FinishReason | None = None
    forced_start: Tokens | None = None
    received_at_s: float = field(default_factory=time.monotonic)
    ttft_s: float = 0.0
    user: str = ""
    cache_owner: str = ""
    adapters: AdapterSet = ()
    fetched: bool = False
    weight: float = 1.0
    begun_at: int = 0
    reached: int = 0
    guarded_until: int = 0
    prediction: list[int] = field(default_factory=list)
    predicted_tokens: int = 0
    mispredicted_tokens: int = 0
    last_turn: int = 0
    media: list[MediaSpan] = field(default_factory=list)
    media_owner: str = ""

    @property
    def party(self) -> Party:
        """Whose turns it takes: its user's, in one priority."""
        return self.user, self.weight

    @property
    def pending(self) -> int:
        """The number of tokens that are not in the KV cache yet."""
        return len(self.tokens) - self.computed

    @property
    def next_medium(self) -> MediaSpan | None:
        """The first chunk of a medium of which something is not computed."""
        return next((span for span in self.media if span.end > self.computed), None)

    @property
    def pending_text(self) -> int:
        """The number of pending tokens before the next chunk of a medium, or all; 0 if the next one is in a chunk."""
        span = self.next_medium
        return self.pending if span is None else max(span.start - self.computed, 0)

    def position(self, place: int) -> int:
        """The position of the token at a place, which is not within a chunk of a medium."""
        return position_of(self.media, place) if self.media else place

    @property
    def generated(self) -> int:
        """The number of tokens after the prompt."""
        return len(self.tokens) - self.prompt_length

    @property
    def wants_prompt_logprobs(self) -> bool:
        """Whether log probabilities of the prompt's tokens are still to be computed."""
        return self.echo is not None and self.job.top_logprobs is not None and self.echoed < self.prompt_length

    @property
    def shareable(self) -> int:
        """How many of the first tokens may come from the cache. Logits are computed from the others only."""
        return self.first_echoing if self.wants_prompt_logprobs else len(self.tokens) - 1

    @property
    def first_echoing(self) -> int:
        """The position of the token whose logits give the next log probability of the prompt to send."""
        return max(self.echoed - 1, 0)

    def move(self, state: SequenceState) -> None:
        """Change to ``state``.

        Raises:
            IllegalMove: the move is not in :data:`SEQUENCE_MOVES`.
        """
        self.state = move(SEQUENCE_MOVES, self.state, state, f"sequence {self.job_id}")
