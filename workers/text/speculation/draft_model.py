"""A draft model: a small model of the same vocabulary says what the large one will probably say next."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from workers.engine import EngineLoadError
from workers.text.cache.kv_cache import CacheFull, KVCache
from workers.text.cache.prefix import common_prefix
from workers.text.model import BatchDecoder, BatchSlice, NoRoom
from workers.text.sequence import Sequence
from workers.text.speculation.step_costs import StepCosts
from workers.text.vocabulary import Vocabulary

MAX_CATCH_UP_TOKENS = 256
"""So many tokens of prompts are computed beside a step; until a sequence's are all there, it has no drafts."""

MAX_PADDING_TOKENS = 256
"""Two vocabularies are one if the larger only has so few tokens more, as those that fill up a matrix."""


@dataclass(slots=True)
class _Follower:
    """A sequence in the draft model's memory: its first ``computed`` tokens, and behind them what was ``drafted``."""

    cache_id: int
    computed: int
    drafted: list[int] = field(default_factory=list)


class DraftModel:
    """Drafts for many sequences at once, in a context of its own.

    ``cells`` and ``sequences`` are those of its decoder, ``most`` is the length of the longest draft. Its memory keeps
    ended sequences as the model's does, since the next turn of a chat begins with them.
    """

    def __init__(
        self,
        decoder: BatchDecoder,
        cells: int,
        sequences: int,
        batch_tokens: int,
        most: int,
        slope: float,
        kept_cells: int | None,
    ) -> None:
        self._decoder = decoder
        self._cache = KVCache(decoder.memory, cells - sequences * most, sequences, kept_cells=kept_cells)
        self._batch_tokens = batch_tokens
        self._followers: dict[str, _Follower] = {}
        self.costs = StepCosts(slope)

    def draft(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        """For each sequence, the wanted number of tokens that may come next.

        None as long as it has not caught up with the sequence, or lacks room.
        """
        try:
            return self._draft(wanted)
        except NoRoom:
            for job_id in list(self._followers):
                self.forget(job_id)
            self._cache.clear_kept()
            return {}

    def forget(self, job_id: str) -> None:
        """The sequence has ended, or must make room."""
        follower = self._followers.pop(job_id, None)
        if follower is not None:
            self._cut(follower)
            self._cache.keep(follower.cache_id)

    def _draft(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        ready = self._catch_up([sequence for sequence in wanted if self._follow(sequence)])
        slices = []
        for sequence in ready:
            follower = self._followers[sequence.job_id]
            slices.append(BatchSlice(follower.cache_id, follower.computed, sequence.tokens[follower.computed :], 1))
        drafts: dict[Sequence, list[int]] = {sequence: [] for sequence in ready}
        while ready:
            began_at_s = time.monotonic()
            logits = self._decoder.decode(slices)
            for sequence, part in zip(ready, slices, strict=True):
                self._record(sequence, part)
            drafting: list[Sequence] = []
            for sequence, row in zip(ready, logits, strict=True):
                drafts[sequence].append(sequence.sampler.guess(row, len(drafts[sequence])))
                if len(drafts[sequence]) < wanted[sequence]:
                    drafting.append(sequence)
            self.costs.observe(sum(len(part.tokens) for part in slices), time.monotonic() - began_at_s)
            ready = drafting
            slices = [self._next(sequence, drafts[sequence][-1]) for sequence in ready]
        return drafts

    def _follow(self, sequence: Sequence) -> bool:
        """Bring the memory of a sequence in step with what was drawn; False if there is no room for it."""
        follower = self._followers.get(sequence.job_id)
        try:
            if follower is None:
                tokens = sequence.tokens[:-1]
                follower = _Follower(*self._cache.open(tokens, sequence.cache_owner))
                self._followers[sequence.job_id] = follower
            agreed = common_prefix(sequence.tokens[follower.computed : -1], follower.drafted)
            self._cache.extend(follower.cache_id, follower.drafted[:agreed])
            follower.computed += agreed
            del follower.drafted[:agreed]
            self._cut(follower)
            self._cache.reserve(len(sequence.tokens) - follower.computed)
        except CacheFull:
            self.forget(sequence.job_id)
            return False
        return True

    def _catch_up(self, sequences: list[Sequence]) -> list[Sequence]:
        """Compute a part of what sequences lack; returns those of which only the last few tokens are left."""
        room = min(MAX_CATCH_UP_TOKENS, self._batch_tokens)
        slices, ready = list[BatchSlice](), list[Sequence]()
        behind = dict[int, Sequence]()
        for sequence in sequences:
            follower = self._followers[sequence.job_id]
            lacking = len(sequence.tokens) - follower.computed
            if lacking <= room:
                ready.append(sequence)
                room -= lacking
                continue
            end = follower.computed + room
            slices.append(BatchSlice(follower.cache_id, follower.computed, sequence.tokens[follower.computed : end], 0))
            behind[follower.cache_id] = sequence
            break
        if slices and room:
            self._decoder.decode(slices)
            for part in slices:
                self._record(behind[part.cache_id], part)
        return ready

    def _record(self, sequence: Sequence, part: BatchSlice) -> None:
        """Note what was computed: tokens of the sequence, or drafts behind them."""
        follower = self._followers[sequence.job_id]
        if part.start < len(sequence.tokens):
            self._cache.extend(follower.cache_id, part.tokens)
            follower.computed += len(part.tokens)
        else:
            follower.drafted += part.tokens

    def _next(self, sequence: Sequence, token: int) -> BatchSlice:
        follower = self._followers[sequence.job_id]
        return BatchSlice(follower.cache_id, follower.computed + len(follower.drafted), [token], 1)

    def _cut(self, follower: _Follower) -> None:
        """Remove the drafts behind the tokens."""
        if follower.drafted:
            end = follower.computed + len(follower.drafted)
            self._decoder.memory.cut(follower.cache_id, follower.computed, end)
            follower.drafted = []


def check_vocabulary(name: str, draft: Vocabulary, target: Vocabulary) -> None:
    """Check that two models write with the same tokens.

    Raises:
        EngineLoadError: they do not.
    """
    if abs(draft.size - target.size) > MAX_PADDING_TOKENS:
        expected = f"a vocabulary of {target.size} tokens, as the model's"
        raise EngineLoadError(f"draft: expected {expected}, got one of {draft.size} in {name}")
    for token in range(min(draft.size, target.size)):
        if draft.piece(token, special=True) != target.piece(token, special=True):
            expected = "the vocabulary of the model"
            raise EngineLoadError(f"draft: expected {expected}, got one in {name} whose token {token} is another")
