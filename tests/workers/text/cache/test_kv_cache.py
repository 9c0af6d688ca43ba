from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.caches.filled import CELLS, TOKENS, Filled, naive_common_prefix
from workers.text.cache.copy_costs import CopyCosts
from workers.text.cache.host_cache import HostCache
from workers.text.cache.host_copies import MIN_SAVED_TOKENS
from workers.text.cache.kv_cache import CacheFull
from workers.text.cache.prefix import common_prefix


@settings(deadline=None)
@given(TOKENS, TOKENS, st.data())
def test_the_common_prefix_is_as_counted_token_by_token(run: list[int], tokens: list[int], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(tokens)))
    assert common_prefix(run, tokens, start) == naive_common_prefix(run, tokens[start:])


def test_a_prompt_shares_what_a_running_sequence_holds() -> None:
    filled = Filled()
    filled.open(1, 2, 3, 4)
    _, shared = filled.open(1, 2, 5)
    assert shared == 2
    assert filled.cache.used_cells == 5


def test_a_prompt_shares_what_an_ended_sequence_held() -> None:
    filled = Filled()
    sequence, _ = filled.open(1, 2, 3)
    filled.cache.keep(sequence)
    assert filled.open(1, 2, 3, 4)[1] == 3


def test_the_longest_of_several_prefixes_is_shared() -> None:
    filled = Filled()
    first, _ = filled.cache.open([1, 2, 3])  # two prompts that arrive together fill cells of their own
    second, _ = filled.cache.open([1, 2, 3])
    filled.extend(first, 1, 2)
    filled.open(1, 2)  # ends where the first one is now, so its next tokens get a node of their own
    filled.extend(first, 3, 4)
    filled.extend(second, 1, 2, 3, 9)
    assert filled.cache.match([1, 2, 3, 4]) == 4


def test_the_least_recently_used_is_evicted_first() -> None:
    filled = Filled(cells=6)
    for token in (1, 2, 3):
        sequence, _ = filled.open(token, token)
        filled.cache.keep(sequence)
    filled.cache.match([1, 1])  # 1 is used, so 2 is the oldest now
    filled.cache.reserve(2)
    assert [filled.cache.match([token, token]) for token in (1, 2, 3)] == [2, 0, 2]


def test_running_sequences_are_never_evicted() -> None:
    filled = Filled(cells=4)
    filled.open(1, 2, 3)
    with pytest.raises(CacheFull, match="expected 2 free cells, got 1"):
        filled.cache.reserve(2)
    assert filled.cache.match([1, 2, 3]) == 3


def test_an_id_is_taken_from_an_ended_sequence_when_none_is_free() -> None:
    filled = Filled(sequences=2)
    ended, _ = filled.open(1)
    filled.cache.keep(ended)
    filled.open(2)
    assert filled.open(3)[0] == ended
    with pytest.raises(CacheFull, match="all sequence ids are in use"):
        filled.cache.open([4])


def test_an_ended_sequence_whose_tokens_another_holds_frees_its_id() -> None:
    filled = Filled()
    short, _ = filled.open(1, 2)
    filled.open(1, 2, 3)
    filled.cache.keep(short)
    assert filled.memory.tokens(short) == []
    assert filled.cache.used_cells == 3


def test_without_shared_prefixes_nothing_is_kept() -> None:
    filled = Filled(can_share_prefixes=False)
    sequence, _ = filled.open(1, 2, 3)
    assert filled.cache.match([1, 2, 3]) == 0
    assert filled.open(1, 2, 3)[1] == 0
    filled.cache.keep(sequence)
    assert filled.memory.tokens(sequence) == []
    assert filled.cache.used_cells == 3


LONG = list(range(100, 100 + 2 * MIN_SAVED_TOKENS))


def hosted(cells: int = 400, kept_cells: int | None = None) -> Filled:
    return Filled(cells=cells, kept_cells=kept_cells, host=HostCache(1 << 20))


def end(filled: Filled, *tokens: int) -> None:
    sequence, _ = filled.open(*tokens)
    filled.cache.keep(sequence)


def test_an_evicted_sequence_is_restored_from_main_memory() -> None:
    filled = hosted()
    end(filled, *LONG)
    filled.cache.clear_kept()
    assert filled.cache.match(LONG) == 0
    sequence, had = filled.open(*LONG[:-3], 7, 8)
    assert had == len(LONG) - 3
    assert filled.memory.tokens(sequence) == [*LONG[:-3], 7, 8]
    assert filled.cache.used_cells == filled.memory.used_cells == len(LONG) - 1


@pytest.mark.parametrize(
    ("saving_s", "loading_s", "restored"), [(0.1, 0.1, True), (100.0, 0.1, False), (0.1, 100.0, False)]
)
def test_copies_that_take_longer_than_the_computation_are_left_out(
    saving_s: float, loading_s: float, restored: bool
) -> None:
    costs = CopyCosts()
    filled = Filled(cells=400, host=HostCache(1 << 20), costs=costs)
    costs.observe_step(1000, 1000.0)
    costs.saving.observe(1, saving_s)
    costs.loading.observe(1, loading_s)
    end(filled, *LONG)
    filled.cache.clear_kept()
    assert filled.open(*LONG[:-3], 7)[1] == (len(LONG) - 3 if restored else 0)
    assert filled.memory.loads == restored


def test_cached_tokens_are_shared_and_only_the_rest_is_restored() -> None:
    filled = hosted()
    end(filled, *LONG, *range(500, 540))
    filled.cache.clear_kept()
    running, _ = filled.open(*LONG[:10])
    sequence, had = filled.open(*LONG, *range(500, 540), 7)
    assert had == len(LONG) + 40
    assert filled.cache.used_cells == filled.memory.used_cells == len(LONG) + 41
    filled.cache.release(running)
    assert filled.memory.tokens(sequence) == [*LONG, *range(500, 540), 7]


def test_ended_sequences_keep_few_cells_when_a_new_one_starts() -> None:
    filled = hosted(kept_cells=70)
    end(filled, *LONG)
    assert filled.cache.used_cells == len(LONG)  # bounded only when a new sequence starts
    end(filled, *range(300, 340))
    filled.open(9)
    assert filled.cache.match(LONG) == 0
    assert filled.cache.match(list(range(300, 340))) == 40
    assert filled.open(*LONG)[1] == len(LONG)


def test_a_short_prefix_is_not_restored() -> None:
    filled = hosted()
    end(filled, *LONG[: MIN_SAVED_TOKENS - 1])
    end(filled, *LONG)
    filled.cache.clear_kept()
    filled.open(*LONG[: MIN_SAVED_TOKENS - 1])
    assert filled.memory.loads == 0


def test_a_saved_sequence_without_free_cells_is_not_restored() -> None:
    filled = hosted(cells=100)
    end(filled, *LONG)
    filled.cache.clear_kept()
    filled.open(*range(500, 560))
    assert filled.open(*LONG[:40])[1] == 0


def test_prefixes_are_shared_only_within_an_owner() -> None:
    filled = Filled()
    sequence, _ = filled.open_of("anna", 1, 2, 3)
    assert filled.open_of("ben", 1, 2, 3)[1] == 0
    assert filled.open_of("anna", 1, 2, 3)[1] == 3
    assert [filled.cache.match([1, 2, 3], owner) for owner in ("anna", "ben", "cleo", "")] == [3, 3, 0, 0]
    filled.cache.release(sequence)
    assert filled.cache.match([1, 2, 3], "anna") == 3
    assert filled.cache.used_cells == 6
    assert filled.cache.would_fit([1, 2, 3], CELLS - 6, owner="ben")
    assert not filled.cache.would_fit([1, 2, 3], CELLS - 6, owner="cleo")


def test_what_an_owner_left_in_main_memory_is_restored_only_for_the_same_owner() -> None:
    host = HostCache(1_000_000)
    filled = Filled(cells=100, host=host)
    prompt = list(range(40))
    sequence, _ = filled.open_of("anna", *prompt)
    filled.cache.keep(sequence)
    filled.cache.clear_kept()
    assert filled.cache.used_cells == 0
    assert filled.open_of("ben", *prompt)[1] == 0
    assert filled.open_of("anna", *prompt)[1] == 40


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), TOKENS), max_size=8))
def test_two_owners_fill_one_cache_as_they_would_fill_two(given_: list[tuple[str, list[int]]]) -> None:
    both, alone = Filled(100, 20), {owner: Filled(100, 20) for owner in "ab"}
    for owner, tokens in given_:
        sequence, shared = both.open_of(owner, *tokens)
        own_sequence, own_shared = alone[owner].open_of(owner, *tokens)
        assert shared == own_shared
        both.cache.keep(sequence)
        alone[owner].cache.keep(own_sequence)
    assert both.cache.used_cells == sum(filled.cache.used_cells for filled in alone.values())
    both.cache.clear_kept()
    assert both.cache.used_cells == 0


def test_a_prefix_is_restored_though_main_memory_drops_it_for_what_is_evicted_for_its_cells() -> None:
    filled = Filled(cells=60, host=HostCache(400))
    prompt, other = list(range(40)), list(range(100, 140))
    for tokens in (prompt, other):  # the second takes the cells of the first, and the first those of the second
        sequence, _ = filled.open(*tokens)
        filled.cache.keep(sequence)
    assert filled.open(*prompt)[1] == 40


@pytest.mark.parametrize("shares_cells", [True, False])
def test_a_copied_prefix_takes_cells_of_its_own(shares_cells: bool) -> None:
    filled = Filled(cells=20, shares_cells=shares_cells)
    filled.open(*range(12))
    assert filled.cache.would_fit([*range(12), 99], 0) is shares_cells
    assert filled.open(*range(6), 99) == (1, 6)
    assert filled.cache.used_cells == (13 if shares_cells else 19)
