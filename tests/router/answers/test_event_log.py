"""The kept events of a stream: which are read, and which are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.answers.event_log import READ_BYTES, EventLog
from router.schemas.errors import ApiError

LIMIT_BYTES = 1000


def event(size_bytes: int) -> str:
    """An event that has this size with an id of one digit."""
    return "data: " + "x" * (size_bytes - len("id: 1\ndata: \n\n")) + "\n\n"


def status_of(log: EventLog, after: int) -> int:
    with pytest.raises(ApiError) as caught:
        log.read(after)
    assert caught.value.param == "Last-Event-ID"
    return caught.value.status


def test_events_are_numbered_and_read_from_any_of_them() -> None:
    log = EventLog(LIMIT_BYTES)
    assert log.read(0) == (0, b"")
    log.append(["data: a\n\n", "data: b\n\n"])
    log.append(["data: c\n\n"])
    assert log.read(0) == (3, b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n")
    assert log.read(2) == (3, b"id: 3\ndata: c\n\n")
    assert log.read(3) == (3, b"")
    assert status_of(log, 4) == 400


def test_a_read_is_bounded() -> None:
    log = EventLog(10 * READ_BYTES)
    log.append([event(READ_BYTES // 4)] * 9)
    position, sizes = 0, []
    while position < log.last_id:
        position, data = log.read(position)
        sizes.append(len(data))
    assert sizes == [READ_BYTES, READ_BYTES, READ_BYTES // 4]


def test_sent_events_are_dropped_at_the_limit() -> None:
    log = EventLog(LIMIT_BYTES)
    log.append([event(100)] * 9)
    log.sent_id = 5
    log.append([event(200)] * 2)
    assert not log.full
    assert (log.held_bytes, log.last_id) == (4 * 100 + 2 * 201, 11)  # an id of two digits is longer
    assert status_of(log, 4) == 410
    assert log.read(5)[0] == 11


def test_unsent_events_stay_and_fill_the_log() -> None:
    log = EventLog(LIMIT_BYTES)
    log.append([event(100)] * 9)
    log.append([event(500)])
    assert not log.full  # the newest one does not count
    log.append([event(100)] * 2)
    assert log.full
    assert log.read(0)[0] == 12


def test_one_event_may_be_larger_than_the_limit() -> None:
    log = EventLog(LIMIT_BYTES)
    log.append([event(100)])
    log.append([event(5 * LIMIT_BYTES)])
    assert not log.full


@given(st.lists(st.tuples(st.lists(st.integers(20, 600), max_size=4), st.integers(0, 5)), max_size=30))
def test_no_event_is_dropped_unsent(steps: list[tuple[list[int], int]]) -> None:
    """A reader who reads now and then gets each event once and in order, however much is dropped behind it."""
    log = EventLog(LIMIT_BYTES)
    made, got = 0, b""
    for sizes, reads in steps:
        log.append([event(size) for size in sizes])
        made += len(sizes)
        for _ in range(reads):
            position, data = log.read(log.sent_id)
            got += data
            log.sent_id = position
        assert log.last_id == made
        assert log.full or log.held_bytes <= LIMIT_BYTES + 600
    got += log.read(log.sent_id)[1]
    assert [line for line in got.split(b"\n") if line.startswith(b"id: ")] == [
        b"id: %d" % n for n in range(1, made + 1)
    ]


def test_waiters_are_woken_by_events_and_by_the_end() -> None:
    async def go() -> None:
        log = EventLog(LIMIT_BYTES)
        changes: list[Callable[[], None]] = [lambda: log.append(["data: a\n\n"]), log.wake, log.end]
        for change in changes:
            waiting = [asyncio.ensure_future(log.changed()) for _ in range(2)]
            await asyncio.sleep(0)
            assert not any(waiter.done() for waiter in waiting)
            change()
            await asyncio.wait_for(asyncio.gather(*waiting), 10)
        assert log.ended

    asyncio.run(go())
