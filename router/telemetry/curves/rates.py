"""Tokens per second, from the totals in the workers' heartbeats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from shared.wire.messages import Heartbeat


class TokenRates(NamedTuple):
    """Tokens per second: generated ones, and those of prompts that no cache held."""

    generated_per_s: float = 0.0
    prompt_per_s: float = 0.0


class _Totals(NamedTuple):
    sent_at_s: float
    generated: int
    prompt: int


class WorkerRates:
    """The rates between two looks at the heartbeats, by model."""

    def __init__(self) -> None:
        self._before: dict[str, _Totals] = {}

    def take(self, heartbeats: Iterable[Heartbeat]) -> dict[str, TokenRates]:
        """The rates since the last call. A worker that is new, or has not been heard of since, counts as 0."""
        totals: dict[str, _Totals] = {}
        rates: defaultdict[str, TokenRates] = defaultdict(TokenRates)
        for beat in heartbeats:
            stats = beat.stats
            now = _Totals(beat.sent_at_s, stats.generated_tokens, max(0, stats.prompt_tokens - stats.cached_tokens))
            totals[beat.worker_id] = now
            before = self._before.get(beat.worker_id)
            if before is None or (passed_s := now.sent_at_s - before.sent_at_s) <= 0:
                continue
            sums = rates[beat.model]
            rates[beat.model] = TokenRates(
                sums.generated_per_s + max(0, now.generated - before.generated) / passed_s,
                sums.prompt_per_s + max(0, now.prompt - before.prompt) / passed_s,
            )
        self._before = totals
        return dict(rates)
