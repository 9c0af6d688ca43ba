from __future__ import annotations

import numpy as np

from workers.text.cache.host_cache import HostCache


def state(size: int) -> np.ndarray:
    return np.zeros(size, np.uint8)


def test_the_longest_common_prefix_is_found() -> None:
    cache = HostCache(100)
    cache.put([1, 2, 3], state(10))
    cache.put([1, 2, 4, 5], state(10))
    length, saved = cache.longest([1, 2, 4, 9])
    assert length == 3
    assert saved is not None
    assert saved.tokens == [1, 2, 4, 5]
    assert cache.longest([2, 1]) == (0, None)


def test_of_equal_matches_the_shortest_is_taken_since_it_needs_the_fewest_cells() -> None:
    cache = HostCache(100)
    cache.put([1, 2, 3, 4, 5, 6], state(10))
    cache.put([1, 2, 9], state(10))
    length, saved = cache.longest([1, 2])
    assert length == 2
    assert saved is not None
    assert saved.tokens == [1, 2, 9]


def test_a_longer_sequence_replaces_its_prefixes() -> None:
    cache = HostCache(30)
    cache.put([1, 3], state(10))
    cache.put([1, 2], state(10))
    cache.put([1, 2, 3], state(20))  # fits beside the oldest only if it replaces its prefix
    assert cache.holds([1, 3])
    assert cache.holds([1, 2, 3])


def test_the_least_recently_used_is_dropped_beyond_the_limit() -> None:
    cache = HostCache(30)
    for token in (1, 2, 3):
        cache.put([token, token], state(10))
    assert cache.holds([1])  # used, so 2 is the oldest now
    cache.put([4, 4], state(10))
    assert [cache.longest([token])[0] for token in (1, 2, 3, 4)] == [1, 0, 1, 1]


def test_a_state_larger_than_the_limit_has_no_room() -> None:
    assert not HostCache(30).has_room_for(31)
    assert HostCache(30).has_room_for(30)
    assert not HostCache(0).has_room_for(1)


def test_a_prefix_is_held_only_with_all_its_tokens() -> None:
    cache = HostCache(100)
    cache.put([1, 2, 3], state(10))
    assert cache.holds([1, 2])
    assert cache.holds([1, 2, 3])
    assert not cache.holds([1, 2, 3, 4])


def test_what_has_no_room_is_told() -> None:
    cache, dropped = HostCache(20), list[list[int]]()
    cache.dropped = lambda saved: dropped.append(saved.tokens)
    cache.put([1], state(10))
    cache.put([1, 2], state(10))  # replaces its beginning, which is not told
    cache.put([3, 4, 5], state(20))
    assert dropped == [[1, 2]]
    assert [saved.tokens for saved in cache.all()] == [[3, 4, 5]]
