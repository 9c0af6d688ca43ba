"""Speculation: steps compute drafts of what comes next, where that gives more tokens per second.

A step computes the drafted tokens of a sequence behind its last one. Then it draws as it would without drafts, and as
long as what it draws is what was drafted, the next logits are there already. So the texts are those of plain steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from workers.text.cache.kv_cache import CacheFull, KVCache
from workers.text.scheduling.scheduled import ScheduledTokens, cells_of
from workers.text.sequence import Sequence, SequenceState
from workers.text.speculation.acceptance import Acceptance
from workers.text.speculation.draft_model import DraftModel
from workers.text.speculation.lengths import DraftCandidate, choose_lengths
from workers.text.speculation.lookup import Lookup
from workers.text.speculation.options import SpeculationOptions
from workers.text.speculation.probing import ProbeClock
from workers.text.speculation.step_costs import StepCosts

PROBE_TOKENS = 3
"""So many tokens are drafted for one sequence, to see whether they would pay by now."""

HOPED = 0.9
"""A probe is made only where drafts would pay if they were accepted with this probability."""

RESTING_STEPS = 16
"""So many steps have no drafts after one with drafts for which the memory had no room."""

MIN_STEPS = 3
"""So many plain steps are measured first."""

UNKNOWN_ROUND = 0.15
"""What a token of the draft model is assumed to take, as a part of the model's step, until it was measured."""

MODEL, PREDICTION = "model", "prediction"
SHORT_MATCH, LONG_MATCH, LONG_MATCH_TOKENS = "short match", "long match", 8
USUAL = {MODEL: 0.7, PREDICTION: 0.8, SHORT_MATCH: 0.4, LONG_MATCH: 0.7}
"""The sources of drafts, and how likely theirs are accepted, until something is known."""


@dataclass(slots=True)
class _Drafting:
    """What is known of one sequence."""

    lookup: Lookup | None
    acceptances: dict[str, Acceptance] = field(default_factory=dict)
    source: str = MODEL


class Speculation:
    """The drafts of one worker's sequences.

    ``slope`` is what another token of a step is assumed to cost until it was measured, as a part of a step with one.
    """

    def __init__(
        self, options: SpeculationOptions, cache: KVCache, batch_tokens: int, slope: float, model: DraftModel | None
    ) -> None:
        self._options = options
        self._cache = cache
        self._batch_tokens = batch_tokens
        self._model = model
        self._costs = StepCosts(slope)
        self._usual = {source: Acceptance.like(usual) for source, usual in USUAL.items()}
        self._drafting: dict[str, _Drafting] = {}
        self._probes = ProbeClock()
        self._seen_steps = self._resting_steps = 0
        self._is_computing = False  # a step with drafts
        self.drafted = self.accepted = 0

    def extend(self, scheduled: list[ScheduledTokens]) -> list[ScheduledTokens]:
        """Add drafts to a step, if it only generates and has room for them."""
        if not all(part.wants_logits and part.sequence.state is SequenceState.DECODE for part in scheduled):
            return scheduled
        if self._is_computing:
            self._is_computing, self._resting_steps = False, RESTING_STEPS
        self._resting_steps -= self._resting_steps > 0
        if self._seen_steps < MIN_STEPS or self._resting_steps:
            return scheduled
        candidates = [candidate for part in scheduled if (candidate := self._candidate(part.sequence)) is not None]
        lengths = self._lengths(candidates, scheduled)
        drafts = self._drafts(candidates, lengths)
        extended = [replace(part, drafts=drafts.get(part.sequence.job_id, [])) for part in scheduled]
        if drafts and not self._reserve(extended):
            return scheduled
        self._is_computing = bool(drafts)
        return extended

    def compared(self, sequence: Sequence, drafted: int, accepted: int) -> None:
        """Learn how many of a sequence's drafts were drawn."""
        self.drafted += drafted
        self.accepted += accepted
        drafting = self._drafting[sequence.job_id]
        drafting.acceptances[drafting.source].observe(drafted, accepted)
        self._usual[drafting.source].observe(drafted, accepted)
        if drafting.source == PREDICTION:
            sequence.predicted_tokens += accepted
            sequence.mispredicted_tokens += drafted - accepted

    def observe(self, scheduled: list[ScheduledTokens], duration_s: float) -> None:
        """Learn from how long a step took. A step that could not be computed is not observed."""
        self._is_computing = False
        if all(part.wants_logits and not part.echoes and part.length == 1 for part in scheduled):
            self._costs.observe(sum(part.width for part in scheduled), duration_s)
            self._seen_steps += 1

    def forget(self, sequence: Sequence) -> None:
        """A sequence has ended."""
        self._drafting.pop(sequence.job_id, None)
        if self._model is not None:
            self._model.forget(sequence.job_id)

    def _candidate(self, sequence: Sequence) -> DraftCandidate | None:
        """How a sequence can have drafts; None if it cannot."""
        most = min(self._options.draft_tokens, sequence.max_tokens - sequence.generated - 1)
        if most < 1:
            return None
        drafting = self._drafting.get(sequence.job_id)
        if drafting is None:
            lookup = Lookup(sequence.tokens, sequence.prompt_length, sequence.prediction)
            drafting = _Drafting(lookup if self._options.looks_up else None)
            self._drafting[sequence.job_id] = drafting
        best: DraftCandidate | None = None
        for found, predicted in drafting.lookup.find(most) if drafting.lookup is not None else []:
            source = SHORT_MATCH if found.matched < LONG_MATCH_TOKENS else LONG_MATCH
            source = PREDICTION if predicted else source
            likely = self._acceptance(drafting, source).likely
            if best is None or likely > best.likely:
                best, drafting.source = DraftCandidate(sequence, likely, len(found.tokens), found.tokens), source
        model = None if sequence.media else self._model  # which sees no pictures
        if best is not None and (model is None or best.likely >= self._acceptance(drafting, MODEL).likely):
            return best
        if model is None:
            return None
        drafting.source = MODEL
        return DraftCandidate(sequence, self._acceptance(drafting, MODEL).likely, most, None)

    def _acceptance(self, drafting: _Drafting, source: str) -> Acceptance:
        acceptance = drafting.acceptances.get(source)
        if acceptance is None:
            acceptance = drafting.acceptances[source] = Acceptance.like(self._usual[source].likely)
        return acceptance

    def _lengths(self, candidates: list[DraftCandidate], scheduled: list[ScheduledTokens]) -> list[int]:
        """How many tokens are drafted for each candidate."""
        if not candidates:
            return []
        tokens = sum(part.length for part in scheduled)

        def seconds(drafted: int, rounds: int) -> float:
            return self._costs.seconds(tokens + drafted) + rounds * self._round_s(len(scheduled))

        lengths = choose_lengths(candidates, len(scheduled), seconds)
        if any(lengths):
            self._probes.paid()
            return lengths
        if not self._probes.is_due():
            return lengths
        likeliest = max(candidates, key=lambda candidate: candidate.likely)
        probe = replace(likeliest, likely=HOPED, most=min(likeliest.most, PROBE_TOKENS))
        hoped = choose_lengths([probe], len(scheduled), seconds)[0]
        if hoped:
            self._probes.probed()
        return [hoped if candidate is likeliest else 0 for candidate in candidates]

    def _round_s(self, streams: int) -> float:
        """How long the draft model takes for one token of each of so many sequences."""
        if self._model is None:
            return 0.0
        if not self._model.costs.is_known:
            return UNKNOWN_ROUND * self._costs.seconds(streams)
        return self._model.costs.seconds(streams)

    def _drafts(self, candidates: list[DraftCandidate], lengths: list[int]) -> dict[str, list[int]]:
        """The drafts, by job."""
        drafts: dict[str, list[int]] = {}
        asked: dict[Sequence, int] = {}
        for candidate, length in zip(candidates, lengths, strict=True):
            if length and candidate.tokens is not None:
                drafts[candidate.sequence.job_id] = candidate.tokens[:length]
            elif length:
                asked[candidate.sequence] = length
        if asked and self._model is not None:
            for sequence, tokens in self._model.draft(asked).items():
                drafts[sequence.job_id] = tokens
        return drafts

    def _reserve(self, scheduled: list[ScheduledTokens]) -> bool:
        """Reserve the cells of a step; False if it has no room. Nobody is preempted for drafts."""
        if sum(part.width for part in scheduled) > self._batch_tokens:
            return False
        try:
            self._cache.reserve(cells_of(scheduled))
        except CacheFull:
            return False
        return True
