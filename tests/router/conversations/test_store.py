"""Stored answers on disk: conversations, limits of age and size, restarts."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from router.conversations.store import ANSWER_FILE, ROW_BYTES, AnswerStore, StoredAnswer


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def store_of(clock: Clock, keep_s: float = 100.0, keep_bytes: int = 10**6, path: Path | None = None) -> AnswerStore:
    return AnswerStore(ANSWER_FILE.open(path), keep_s, keep_bytes, clock)


def answer(name: str, parent: str | None = None, user: str = "anna", size_bytes: int = 0) -> StoredAnswer:
    """An answer that takes so much more than the least."""
    return StoredAnswer(name, user, parent, "run", 1000, "completed", b"[]" + b" " * size_bytes, b"{}")


def names(answers: list[StoredAnswer]) -> list[str]:
    return [found.answer_id for found in answers]


LEAST_BYTES = answer("x").size_bytes


def test_what_was_put_is_found_after_a_restart(clock: Clock, tmp_path: Path) -> None:
    store_of(clock, path=tmp_path / "answers").put(answer("a"))  # not closed: as after a crash
    assert store_of(clock, path=tmp_path / "answers").find("a") == answer("a")


def test_an_end_replaces_status_and_response_only(clock: Clock) -> None:
    store = store_of(clock)
    store.put(replace(answer("a"), status="queued"))
    store.finish("a", "failed", b'{"x": 1}')
    assert store.find("a") == replace(answer("a"), status="failed", response=b'{"x": 1}')
    assert store.kept_bytes == LEAST_BYTES + 6


def test_only_what_has_not_ended_is_given_up(clock: Clock) -> None:
    store = store_of(clock)
    store.put(answer("done"))
    store.put(replace(answer("running"), status="in_progress"))
    for name in ("done", "running"):
        store.give_up(name, "failed", b'{"lost": 1}')
    assert store.find("done") == answer("done")
    assert store.find("running") == replace(answer("running"), status="failed", response=b'{"lost": 1}')


def test_an_end_of_a_deleted_answer_does_not_bring_it_back(clock: Clock) -> None:
    store = store_of(clock)
    store.put(answer("a"))
    store.delete("a")
    store.finish("a", "completed", b"{}")
    assert store.find("a") is None
    assert store.kept_bytes == 0


def test_a_chain_is_latest_first_and_without_the_branches(clock: Clock) -> None:
    store = store_of(clock)
    for name, parent in (("a", None), ("b", "a"), ("c", "b"), ("other", "a"), ("alone", None)):
        store.put(answer(name, parent))
    assert names(store.chain("c")) == ["c", "b", "a"]
    assert names(store.chain("other")) == ["other", "a"]
    assert store.chain("none") == []


def test_a_chain_ends_where_an_answer_is_gone(clock: Clock) -> None:
    store = store_of(clock)
    for name, parent in (("a", None), ("b", "a"), ("c", "b")):
        store.put(answer(name, parent))
    assert store.chain_bytes("c") == 3 * LEAST_BYTES
    store.delete("b")
    assert names(store.chain("c")) == ["c"]


def test_a_conversation_that_goes_on_stays_and_another_leaves(clock: Clock) -> None:
    store = store_of(clock, keep_s=100)
    store.put(answer("old"))
    store.put(answer("a"))
    clock.now_s += 80
    store.put(answer("b", "a"))
    clock.now_s += 30
    store.clean()
    assert store.find("old") is None
    assert names(store.chain("b")) == ["b", "a"]
    clock.now_s += 80
    store.clean()
    assert store.kept_bytes == 0


def test_the_conversation_that_was_not_used_for_longest_makes_room(clock: Clock) -> None:
    store = store_of(clock, keep_bytes=6 * LEAST_BYTES)
    for name, parent, user in (
        ("a", None, "anna"),
        ("b", None, "bert"),
        ("c", "a", "anna"),
        ("d", None, "carl"),
        ("e", None, "carl"),
        ("f", None, "dora"),
    ):
        clock.now_s += 1
        store.put(answer(name, parent, user))
    store.put(answer("g", None, "emil"))
    assert store.find("b") is None
    assert store.find("a") is not None
    store.put(answer("h", None, "fritz"))
    assert [name for name in "acdefgh" if store.find(name) is None] == ["a", "c"]


def test_one_user_may_have_half(clock: Clock) -> None:
    store = store_of(clock, keep_bytes=6 * LEAST_BYTES)
    store.put(answer("other", user="bert"))
    for number in range(9):
        clock.now_s += 1
        store.put(answer(f"a{number}"))
    assert [number for number in range(9) if store.find(f"a{number}")] == [6, 7, 8]
    assert store.find("other") is not None


def test_an_answer_larger_than_all_room_is_not_kept(clock: Clock) -> None:
    store = store_of(clock, keep_bytes=1000)
    store.put(answer("a", size_bytes=5000))
    assert store.find("a") is None
    assert store.kept_bytes == 0


def test_the_size_that_is_kept_is_that_of_the_rows_after_anything(clock: Clock) -> None:
    store, chance = store_of(clock, keep_s=50, keep_bytes=20 * LEAST_BYTES), random.Random(1)
    for number in range(400):
        clock.now_s += chance.random() * 3
        name, other = f"a{number}", f"a{chance.randrange(number + 1)}"
        match chance.randrange(4):
            case 0:
                store.delete(other)
            case 1:
                store.finish(other, "completed", b"{}" + b" " * chance.randrange(300))
            case _:
                user = chance.choice(["anna", "bert", "carl"])
                store.put(answer(name, chance.choice([None, other]), user, chance.randrange(300)))
        (real,) = store._database.execute(
            f"SELECT coalesce(sum(length(input) + length(response) + {ROW_BYTES}), 0) FROM answer"
        ).fetchone()
        assert store.kept_bytes == real <= 20 * LEAST_BYTES
        (lonely,) = store._database.execute(
            "SELECT count(*) FROM conversation AS one "
            "WHERE NOT EXISTS (SELECT 1 FROM answer WHERE answer.conversation = one.id)"
        ).fetchone()
        assert lonely == 0


def test_a_long_chain_is_read_in_one_query(clock: Clock) -> None:
    store, parent, asked = store_of(clock), None, list[str]()
    for number in range(500):
        store.put(answer(f"a{number}", parent))
        parent = f"a{number}"
    store._database.set_trace_callback(asked.append)
    assert len(store.chain("a499")) == 500
    assert len(asked) == 1
