"""Which ended sequences are evicted: a long chat that may go on stays beside short requests that do not."""

from __future__ import annotations

import pytest

from tests.support.caches.filled import Filled
from tests.support.workers.fake_kv_memory import FakeKVMemory
from workers.text.cache.host_cache import HostCache
from workers.text.cache.kv_cache import MIN_CUT_TOKENS, KVCache

CELLS = 2000
CHAT = list(range(10_000, 11_500))
ANSWER = [5] * 20


class Kept:
    """A cache in which each request runs and ends before the next one begins."""

    def __init__(self, kept_cells: int | None = None, host: HostCache | None = None) -> None:
        self.memory = FakeKVMemory()
        self.cache = KVCache(self.memory, CELLS, 9, kept_cells=kept_cells, host=host)
        self._asked = 0

    def ask(self, prompt: list[int]) -> int:
        """Compute a prompt and an answer; returns how much of the prompt was cached."""
        sequence, cached = self.cache.open(prompt)
        for tokens in (prompt[cached:], ANSWER):
            self.cache.reserve(len(tokens))
            self.memory.append(sequence, tokens)
            self.cache.extend(sequence, tokens)
        self.cache.keep(sequence)
        return cached

    def ask_titles(self, count: int, tokens: int = 200) -> None:
        """Short requests that have nothing in common but their first token."""
        for _ in range(count):
            self._asked += 1
            self.ask([1, *range(100_000 * self._asked, 100_000 * self._asked + tokens - 1)])


def test_a_long_chat_outlives_short_requests_that_come_later() -> None:
    kept = Kept()
    kept.ask([1, *CHAT])
    kept.ask_titles(8)
    assert kept.ask([1, *CHAT, *ANSWER, 7]) == 1 + len(CHAT) + len(ANSWER)
    kept.ask_titles(8)
    assert kept.ask([1, *CHAT, *ANSWER, 7, *ANSWER, 8]) == 2 + len(CHAT) + 2 * len(ANSWER)


def test_a_chat_that_has_gone_on_outlives_more_of_them() -> None:
    once, twice = Kept(), Kept()
    once.ask([1, *CHAT])
    twice.ask([1, *CHAT])
    twice.ask([1, *CHAT, *ANSWER, 7])
    for kept in (once, twice):
        kept.ask_titles(40)
    assert once.cache.match([1, *CHAT]) < len(CHAT) // 2
    assert twice.cache.match([1, *CHAT]) == 1 + len(CHAT)


def test_a_chat_that_nobody_goes_on_with_makes_room_some_time() -> None:
    kept = Kept()
    kept.ask([1, *CHAT])
    kept.ask([1, *CHAT, *ANSWER, 7])
    kept.ask_titles(200)
    assert kept.cache.match([1, *CHAT]) < len(CHAT) // 2


def test_only_the_end_of_a_long_chat_makes_room_for_another() -> None:
    kept = Kept()
    kept.ask([1, *CHAT])
    free = CELLS - kept.cache.used_cells
    kept.ask_titles(1, tokens=free + 10)
    assert kept.cache.match([1, *CHAT]) == 1 + len(CHAT) + len(ANSWER) - MIN_CUT_TOKENS


def test_what_only_looks_alike_at_its_beginning_does_not_count_as_used() -> None:
    kept = Kept()
    kept.ask_titles(1, tokens=900)
    first = [1, *range(100_000, 100_899)]
    kept.ask_titles(1, tokens=900)
    kept.cache.match([1, 2, 3])
    kept.cache.match([1, *range(200_000, 200_400)])
    kept.ask_titles(1, tokens=900)
    assert kept.cache.match(first) < 900


@pytest.mark.parametrize(("host_tokens", "stays"), [(2000, False), (1000, True)])
def test_a_chat_that_main_memory_has_no_room_for_stays(host_tokens: int, stays: bool) -> None:
    kept = Kept(kept_cells=100, host=HostCache(8 * host_tokens))
    kept.ask([1, *CHAT])
    kept.ask_titles(1)
    assert (kept.cache.match([1, *CHAT]) > len(CHAT)) == stays
    assert kept.ask([1, *CHAT, *ANSWER, 7]) == 1 + len(CHAT) + len(ANSWER)


def test_a_long_chat_outlives_short_requests_in_main_memory_too() -> None:
    kept = Kept(kept_cells=0, host=HostCache(8 * 2000))
    kept.ask([1, *CHAT])
    kept.ask_titles(6)
    assert kept.ask([1, *CHAT, *ANSWER, 7]) == 1 + len(CHAT) + len(ANSWER)


def test_ended_sequences_are_copied_to_main_memory_once_each() -> None:
    host = HostCache(8 * 20)
    filled = Filled(host=host)
    for tokens in ([1] * 8, [2] * 8, [3, 3]):
        filled.cache.keep(filled.open(*tokens)[0])
    copies = [filled.cache.save_kept(4) for _ in range(3)]
    assert copies == [True, True, False]
    assert sorted(len(saved.tokens) for saved in host.all()) == [8, 8]
