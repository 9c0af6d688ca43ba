"""Whether a prompt waits for another one that begins alike, to share what that is computing."""

from __future__ import annotations

from collections.abc import Iterable

from workers.text.cache.kv_cache import KVCache
from workers.text.cache.prefix import common_prefix
from workers.text.cache.pseudo_tokens import whole_prefix
from workers.text.scheduling.checkpoint_places import last_place
from workers.text.sequence import Sequence, SequenceState

MIN_SHARED_TOKENS = 16
"""A prompt waits for another that is in prefill if sharing their common prefix saves at least this many tokens."""


def shares_with_prefill(sequence: Sequence, running: Iterable[Sequence], cache: KVCache) -> bool:
    """Whether a prompt that is in prefill will hold a longer prefix of this one than the cache does now."""
    cached = -1
    for other in running:
        if other.state is not SequenceState.PREFILL or other.cache_owner != sequence.cache_owner:
            continue
        common = min(common_prefix(other.tokens, sequence.tokens), sequence.shareable)
        common = whole_prefix(sequence.tokens, common)
        if cache.needs_checkpoints:
            common = last_place(other, common)
        if common > other.computed:
            if cached < 0:
                cached = cache.match(sequence.tokens[: sequence.shareable], sequence.cache_owner)
            if common - cached >= MIN_SHARED_TOKENS:
                return True
    return False
