"""Bytes of requests that the server holds: of all, and of one user."""

from __future__ import annotations

import pytest

from router.http.bodies.byte_budget import ByteBudget, ByteLimit, ByteShare
from router.schemas.errors import ApiError


def budget_of(place: str, total_bytes: int, user_bytes: int) -> ByteBudget:
    return ByteBudget(place, ByteLimit(total_bytes, "--all"), ByteLimit(user_bytes, "--one"))


def test_a_user_over_the_own_limit_is_429() -> None:
    budget = budget_of("memory", 1000, 400)
    budget.take("a", 400)
    with pytest.raises(ApiError) as raised:
        budget.take("a", 1)
    assert (raised.value.status, raised.value.code) == (429, "user_bytes_exceeded")
    assert str(raised.value) == (
        "body: expected at most 400 bytes of one user's requests in memory (--one), got more; try again in about 2 s"
    )
    assert raised.value.headers == {"Retry-After": "2", "Connection": "close"}
    budget.take("b", 400)


@pytest.mark.parametrize(
    ("total", "user", "most"),
    [(1000, 400, "400 bytes of a request in memory (--one)"), (400, 400, "350 bytes of a request in memory (--all)")],
)
def test_a_request_that_never_fits_is_413_and_not_sent_again(total: int, user: int, most: str) -> None:
    budget = budget_of("memory", total, user)
    share = ByteShare("a", budget)
    share.take(300)
    with pytest.raises(ApiError) as raised:
        share.take(101)
    assert raised.value.status == 413
    assert str(raised.value) == f"body: expected at most {most}, got more"
    assert raised.value.headers == {"Connection": "close"}
    assert budget.held_bytes == 300


def test_all_users_over_the_limit_are_503_and_the_reserve_is_for_newcomers() -> None:
    budget = budget_of("memory", 800, 500)
    budget.take("a", 500)
    budget.take("b", 100)
    with pytest.raises(ApiError) as raised:
        budget.take("b", 101)
    assert (raised.value.status, raised.value.code) == (503, "bytes_exceeded")
    assert str(raised.value) == (
        "body: expected at most 800 bytes of all requests in memory (--all), got more; try again in about 2 s"
    )
    budget.take("c", 200)
    with pytest.raises(ApiError):
        budget.take("d", 1)


def test_what_is_given_back_can_be_taken_again() -> None:
    budget = budget_of("memory", 120, 100)
    for _ in range(3):
        budget.take("a", 100)
        budget.give_back("a", 100)
    assert budget.held_bytes == 0


def test_a_form_is_held_in_memory_first_and_then_in_files() -> None:
    memory, files = budget_of("memory", 120, 100), budget_of("files", 1000, 1000)
    share = ByteShare("a", memory, files, 30)
    for count in (20, 20, 500):
        share.take(count)
    assert (memory.held_bytes, files.held_bytes) == (30, 510)
    share.release()
    share.release()
    assert (memory.held_bytes, files.held_bytes) == (0, 0)


def test_a_refused_part_is_not_held() -> None:
    memory, files = budget_of("memory", 100, 100), budget_of("files", 50, 50)
    share = ByteShare("a", memory, files, 10)
    with pytest.raises(ApiError):
        share.take(100)
    share.release()
    assert (memory.held_bytes, files.held_bytes) == (0, 0)


def test_what_moves_to_files_makes_room_in_memory() -> None:
    memory, files = budget_of("memory", 100, 100), budget_of("files", 1000, 1000)
    share = ByteShare("a", memory, files, 30)
    for count in (20, 10, 20):
        share.take(count)
        share.move_to_files(count)
    assert (memory.held_bytes, files.held_bytes) == (0, 50)
    share.take(30)
    assert (memory.held_bytes, files.held_bytes) == (30, 50)
    share.release()
    assert (memory.held_bytes, files.held_bytes) == (0, 0)


def test_what_files_have_no_room_for_stays_in_memory() -> None:
    memory, files = budget_of("memory", 100, 100), budget_of("files", 12, 10)
    share = ByteShare("a", memory, files, 30)
    share.take(20)
    with pytest.raises(ApiError, match="at most 10 bytes of a request in files"):
        share.move_to_files(20)
    assert (memory.held_bytes, files.held_bytes) == (20, 0)
