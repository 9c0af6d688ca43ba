"""How the main memory for ended chats is shared out: sequences, checkpoints, and what waits to be written to disk."""

from __future__ import annotations

from dataclasses import dataclass

from workers.text.cache.checkpoints import Checkpoints
from workers.text.cache.host_cache import HostCache

MAX_QUEUE_BYTES, QUEUE_SHARE = 256 * 1000 * 1000, 4
"""What waits to be written gets this part, and so many bytes at most."""


@dataclass(frozen=True, slots=True)
class KeptInMemory:
    """The parts, each with its bound."""

    host: HostCache
    checkpoints: Checkpoints
    queue_bytes: int

    @classmethod
    def within(cls, cache_bytes: int, has_ends: bool, on_disk: bool) -> KeptInMemory:
        """Parts that are ``cache_bytes`` together. If sequences ``has_ends``, checkpoints have a half."""
        for_checkpoints = cache_bytes // 2 if has_ends else 0
        queue_bytes = min(cache_bytes // QUEUE_SHARE, MAX_QUEUE_BYTES) if on_disk else 0
        host = HostCache(cache_bytes - for_checkpoints - queue_bytes)
        return cls(host, Checkpoints(for_checkpoints), queue_bytes)
