"""The parts of main memory for ended chats."""

from __future__ import annotations

import pytest

from workers.text.cache.main_memory import MAX_QUEUE_BYTES, KeptInMemory


@pytest.mark.parametrize("cache_bytes", [0, 1000, 10**9, 10**10])
@pytest.mark.parametrize("has_ends", [False, True])
@pytest.mark.parametrize("on_disk", [False, True])
def test_the_parts_are_all_of_it(cache_bytes: int, has_ends: bool, on_disk: bool) -> None:
    kept = KeptInMemory.within(cache_bytes, has_ends, on_disk)
    half = cache_bytes // 2 if has_ends else 0
    host = cache_bytes - half - kept.queue_bytes
    assert kept.host.has_room_for(host) is (host > 0)
    assert not kept.host.has_room_for(host + 1)
    assert kept.checkpoints.has_room_for(half) is (half > 0)
    assert not kept.checkpoints.has_room_for(half + 1)
    assert kept.queue_bytes == (min(cache_bytes // 4, MAX_QUEUE_BYTES) if on_disk else 0)
