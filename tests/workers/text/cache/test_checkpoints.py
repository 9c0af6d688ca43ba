from __future__ import annotations

import pytest

from tests.support.caches.fake_end_memory import FakeEndMemory
from tests.support.caches.filled import Filled
from workers.text.cache.checkpoints import Checkpoints
from workers.text.cache.host_cache import HostCache

CHAT = list(range(100, 164))


def filled(limit_bytes: int = 100_000, cells: int = 400, saved_bytes: int = 0, kept_cells: int | None = None) -> Filled:
    store = Checkpoints(limit_bytes)
    return Filled(cells, checkpoints=store, host=HostCache(saved_bytes), kept_cells=kept_cells)


def chat(cache: Filled, *checkpoints: int, owner: str = "") -> int:
    """A chat that was computed up to each of these positions, and to its end."""
    sequence, held = cache.cache.open(CHAT, owner)
    for position in (*checkpoints, len(CHAT)):
        cache.extend(sequence, *CHAT[held:position])
        held = max(held, position)
        if position in checkpoints:
            cache.cache.checkpoint(sequence)
    return sequence


def test_without_checkpoints_nothing_is_shared_but_at_an_end() -> None:
    cache = filled()
    chat(cache)
    assert cache.cache.match([*CHAT[:40], 1]) == 0
    assert cache.cache.match([*CHAT, 1]) == len(CHAT)
    assert cache.open(*CHAT, 1)[1] == len(CHAT)


def test_a_prompt_begins_at_the_last_checkpoint_that_it_has_in_common() -> None:
    cache = filled()
    chat(cache, 20, 48)
    assert cache.open(*CHAT[:40], 1, 2)[1] == 20
    assert cache.open(*CHAT[:60], 1, 2)[1] == 48
    assert cache.cache.checkpoints.hits == 2


def test_several_share_a_checkpoint_beside_the_running_sequence_that_made_it() -> None:
    cache = filled()
    first = chat(cache, 48)
    others = [cache.open(*CHAT[:50], number)[0] for number in (1, 2, 3)]
    cache.extend(first, 9)
    assert len({first, *others}) == 4
    assert cache.cache.used_cells == len(CHAT) + 1 + 3 * 3


def test_a_checkpoint_is_of_its_owner_only() -> None:
    cache = filled()
    chat(cache, 48, owner="anna")
    assert cache.open_of("otto", *CHAT[:60], 1)[1] == 0
    assert cache.open_of("anna", *CHAT[:60], 1)[1] == 48


def test_a_cancelled_sequence_leaves_its_checkpoints() -> None:
    cache = filled()
    sequence, _ = cache.cache.open(CHAT)
    cache.extend(sequence, *CHAT[:30])
    cache.cache.checkpoint(sequence)
    cache.extend(sequence, *CHAT[30:33])
    cache.cache.keep(sequence)
    assert cache.open(*CHAT[:32], 7)[1] == 30
    assert cache.open(*CHAT)[1] == 33


def test_a_checkpoint_without_its_cells_is_no_start() -> None:
    cache = filled()
    sequence = chat(cache, 48)
    cache.cache.release(sequence)
    assert len(cache.cache.checkpoints) == 1
    assert cache.open(*CHAT[:60], 1)[1] == 0


@pytest.mark.parametrize(("prompt", "restored"), [([*CHAT[:60], 1], 48), ([*CHAT, 1], 64), ([*CHAT[:40], 1], 0)])
def test_what_main_memory_keeps_is_restored_at_its_end_or_at_a_checkpoint(prompt: list[int], restored: int) -> None:
    cache = filled(saved_bytes=100_000, kept_cells=0)
    cache.cache.keep(chat(cache, 48))
    cache.open(1)
    assert cache.cache.used_cells == 1
    assert cache.open(*prompt)[1] == restored
    assert cache.memory.loads == bool(restored)


def test_a_sequence_of_which_cells_are_needed_goes_back_to_a_checkpoint() -> None:
    cache = filled(cells=620)
    tokens = list(range(600))
    sequence, _ = cache.cache.open(tokens)
    cache.extend(sequence, *tokens[:200])
    cache.cache.checkpoint(sequence)
    cache.extend(sequence, *tokens[200:])
    cache.cache.keep(sequence)
    cache.cache.reserve(100)
    assert cache.memory.tokens(sequence) == tokens[:200]
    assert cache.open(*tokens[:300])[1] == 200


def test_without_a_checkpoint_it_is_given_up_as_a_whole() -> None:
    cache = filled(cells=620)
    sequence, _ = cache.open(*range(600))
    cache.cache.keep(sequence)
    cache.cache.reserve(100)
    assert cache.cache.used_cells == 0


def test_a_start_that_the_memory_refuses_costs_only_the_prefill() -> None:
    cache = filled()
    chat(cache, 48)
    assert isinstance(cache.memory, FakeEndMemory)
    cache.memory.refuses = True
    assert cache.open(*CHAT[:60], 1)[1] == 0


def test_the_least_recently_used_checkpoints_are_dropped_for_new_ones() -> None:
    cache = filled(limit_bytes=16 * 50)  # 8 for a token's state, and 8 for its number
    chat(cache, 20, 30)
    assert cache.cache.match([*CHAT[:25], 1]) == 20
    cache.cache.checkpoints.holds(CHAT[:20])
    sequence, _ = cache.open(*range(20))
    cache.cache.checkpoint(sequence)
    assert [cache.cache.match([*CHAT[:length], 1]) for length in (25, 35)] == [20, 20]


def test_a_state_larger_than_all_room_is_not_copied() -> None:
    cache = filled(limit_bytes=7)
    chat(cache, 48)
    assert len(cache.cache.checkpoints) == 0
