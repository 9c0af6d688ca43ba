"""Chunks among tokens: prefixes end before or behind them, and positions are not places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.workers.fake_kv_memory import FakeKVMemory
from workers.text.cache.host_cache import HostCache
from workers.text.cache.kv_cache import KVCache
from workers.text.cache.prefix import common_prefix
from workers.text.cache.pseudo_tokens import (
    MAX_CHUNK_TOKENS,
    is_text,
    positions_of,
    pseudo_tokens,
    text_only,
    text_run,
    whole_prefix,
)
from workers.text.cache.radix_tree import RadixTree

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PARTS = st.lists(
    st.one_of(
        st.integers(0, 9).map(lambda token: [token]),
        st.tuples(st.binary(min_size=16, max_size=16), st.integers(1, 12), st.integers(1, 12)).map(
            lambda chunk: pseudo_tokens(chunk[0], max(chunk[1:]), min(chunk[1:]))
        ),
    ),
    max_size=8,
)


def test_equal_contents_have_equal_tokens_and_others_none_in_common() -> None:
    tokens = pseudo_tokens(KEY, 5, 5)
    assert tokens == pseudo_tokens(KEY, 5, 5)
    assert len(set(tokens)) == 5
    for other in (pseudo_tokens(OTHER_KEY, 5, 5), pseudo_tokens(KEY, 6, 5), pseudo_tokens(KEY, 5, 4)):
        assert not set(tokens) & set(other)


@pytest.mark.parametrize(
    ("key", "length", "positions"), [(b"short", 1, 1), (KEY, 0, 0), (KEY, 2, 3), (KEY, 1 << 16, 1)]
)
def test_impossible_chunks_are_refused(key: bytes, length: int, positions: int) -> None:
    with pytest.raises(ValueError, match=r"^chunk: expected"):
        pseudo_tokens(key, length, positions)


def test_the_longest_chunk_is_told_whole() -> None:
    tokens = pseudo_tokens(KEY, MAX_CHUNK_TOKENS, 7)
    assert positions_of(tokens, len(tokens)) == 7
    assert whole_prefix(tokens, len(tokens)) == len(tokens)
    assert whole_prefix(tokens, len(tokens) - 1) == 0


@given(PARTS)
def test_whole_prefixes_end_where_parts_do(parts: list[list[int]]) -> None:
    tokens = [token for part in parts for token in part]
    ends = {0}
    for part in parts:
        ends.add(max(ends) + len(part))
    for length in range(len(tokens) + 1):
        assert whole_prefix(tokens, length) == max(end for end in ends if end <= length)


def test_positions_are_fewer_than_places_behind_a_chunk_with_rows_and_columns() -> None:
    tokens = [1, 2, *pseudo_tokens(KEY, 12, 4), 3, *pseudo_tokens(OTHER_KEY, 5, 5), 4]
    assert [positions_of(tokens, length) for length in (0, 2, 14, 15, 20, 21)] == [0, 2, 6, 7, 12, 13]
    assert positions_of(tokens, 4) == 4
    assert positions_of(tokens, 10) == 6


def test_text_is_told_from_chunks() -> None:
    tokens = [1, 2, *pseudo_tokens(KEY, 3, 3), 4]
    assert is_text([0, 5])
    assert is_text([])
    assert not is_text(tokens)
    assert [text_run(tokens, begin) for begin in (0, 1, 2, 4, 5, 6)] == [2, 1, 0, 0, 1, 0]
    assert text_only(tokens) == [1, 2, 4]


def test_a_match_ends_before_a_chunk_that_is_not_computed_whole() -> None:
    tree = RadixTree()
    tokens = [1, 2, *pseudo_tokens(KEY, 6, 6), 3]
    _, root = tree.match(tokens)
    tree.add(0, root, 0)
    tree.extend(0, tokens[:2])
    tree.extend(0, tokens[2:5])
    length, node = tree.match(tokens)
    assert length == 2
    tree.add(1, node, length)
    tree.extend(1, tokens[2:])
    assert tree.tokens_of(1) == tokens
    assert tree.match(tokens)[0] == len(tokens)
    assert tree.longest_within(tokens[:5]) is None


def test_main_memory_gives_whole_chunks_only() -> None:
    host = HostCache(1000)
    tokens = [1, 2, *pseudo_tokens(KEY, 6, 6), 3]
    memory = FakeKVMemory()
    memory.append(0, [0] * 5)
    host.put(tokens[:5], memory.save(0))
    assert host.longest(tokens)[0] == 2
    assert common_prefix(tokens[:5], tokens) == 5


def test_an_ended_sequence_is_cut_before_a_chunk() -> None:
    memory = FakeKVMemory()
    cache = KVCache(memory, 1200, 3)
    tokens = [*range(100), *pseudo_tokens(KEY, 600, 600), *range(200, 300)]
    sequence, _ = cache.open(tokens)
    memory.owned[sequence] = {}
    memory.append(sequence, [0] * len(tokens))
    cache.extend(sequence, tokens)
    cache.keep(sequence)
    cache.reserve(500)  # 100 cells are missing, so the last 256 tokens go, and with them the chunk
    assert cache.match(tokens) == 100
    assert len(memory.owned[sequence]) == 100
