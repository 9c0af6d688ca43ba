"""Usage is added up per key and written, and waits while the disk is full."""

from __future__ import annotations

import asyncio
import datetime
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from router.http.request_record import FinishedRequest, RequestRecord
from router.jobs.consumption import Consumption
from router.keys import usage_log as module
from router.keys.usage import NO_KEY, GroupBy, Usage, UsageBucket, UsageStore
from router.keys.usage_log import UsageLog

TODAY = datetime.datetime.now(datetime.UTC).date()
DAY, NEXT_DAY = datetime.date(2026, 1, 31), datetime.date(2026, 2, 1)


def finished(*counts: int, key: str = NO_KEY) -> FinishedRequest:
    """A finished request that used these prompt, cached and completion tokens, or was refused."""
    record = RequestRecord(key_name=key, model="m", consumed=Consumption(*counts) if counts else None)
    return FinishedRequest(record, {}, "/v1/completions", 200, "done", 0.0, 1.0)


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110 - another thread writes
        await asyncio.sleep(0.005)


def test_usage_is_summed_by_key_model_and_day(tmp_path: Path) -> None:
    store = UsageStore.open(tmp_path / "k")
    store.add({UsageBucket(DAY, "bob", "m"): Usage(1, 10, 4, 3), UsageBucket(DAY, NO_KEY, "m"): Usage(1, 1, 0, 1)})
    store.add(
        {UsageBucket(DAY, "bob", "m"): Usage(2, 5, 0, 1, 1, 0.5), UsageBucket(NEXT_DAY, "bob", "n"): Usage(1, 1, 1, 1)}
    )
    store.close()
    store = UsageStore.open(tmp_path / "k")
    assert store.sums() == [(NO_KEY, None, None, Usage(1, 1, 0, 1)), ("bob", None, None, Usage(4, 16, 5, 5, 1, 0.5))]
    assert [row.usage.requests for row in store.sums(key="bob", by=GroupBy.DAY)] == [3, 1]
    assert [(row.day, row.model) for row in store.sums(key="bob", by=GroupBy.DAY)] == [(DAY, None), (NEXT_DAY, None)]
    assert [row.model for row in store.sums(key="bob", by=GroupBy.MODEL)] == ["m", "n"]
    assert [row.usage.requests for row in store.sums(key="bob", since=NEXT_DAY)] == [1]
    assert [row.usage.requests for row in store.sums(key="bob", until=DAY)] == [3]
    assert store.sums(key="ann") == []
    store.close()


def test_two_servers_can_write_to_one_file(tmp_path: Path) -> None:
    stores = [UsageStore.open(tmp_path / "k") for _ in range(2)]
    for _ in range(5):
        for store in stores:
            store.add({UsageBucket(DAY, "bob", "m"): Usage(1, 10, 0, 1)})
    assert stores[0].sums()[0].usage == Usage(10, 100, 0, 10)
    for store in stores:
        store.close()


def test_a_finished_request_is_written_under_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_DELAY_S", 0.0)
    reader = UsageStore.open(tmp_path / "k")

    async def go() -> None:
        log = UsageLog(UsageStore.open(tmp_path / "k"))
        log.finished(finished(10, 4, 3, key="bob"))
        log.finished(finished())  # refused
        await until(lambda: reader.sums())
        await log.close()

    asyncio.run(asyncio.wait_for(go(), 10))
    assert reader.sums(by=GroupBy.DAY) == [("bob", TODAY, None, Usage(1, 10, 4, 3))]
    reader.close()


def test_sums_include_usage_that_was_not_yet_written(tmp_path: Path) -> None:
    async def go() -> None:
        log = UsageLog(UsageStore.open(tmp_path / "k"))
        log.finished(finished(10, 4, 3, key="bob"))
        assert (await log.sums(GroupBy.KEY, "bob", None, None))[0].usage == Usage(1, 10, 4, 3)
        assert (await log.sums(GroupBy.KEY, "bob", None, None))[0].usage == Usage(1, 10, 4, 3)
        await log.close()

    asyncio.run(go())


class FullDisk(UsageStore):
    """Fails the first writes, as on a full disk."""

    full = 2

    def add(self, used: Mapping[UsageBucket, Usage]) -> None:
        self.full -= 1
        if self.full >= 0:
            raise sqlite3.OperationalError("database or disk is full")
        super().add(used)


def test_a_failed_write_is_retried_and_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_DELAY_S", 0.0)
    monkeypatch.setattr(module, "RETRY_DELAY_S", 0.0)
    reader = UsageStore.open(tmp_path / "k")

    async def go() -> None:
        log = UsageLog(FullDisk.open(tmp_path / "k"))
        log.finished(finished(10, 4, 3, key="bob"))
        await asyncio.sleep(0)
        log.finished(finished(1, 0, 1, key="bob"))
        await until(lambda: sum(row.usage.requests for row in reader.sums()) == 2)
        await log.close()

    asyncio.run(asyncio.wait_for(go(), 10))
    assert reader.sums()[0].usage == Usage(2, 11, 4, 4)
    reader.close()


def test_closing_writes_the_rest(tmp_path: Path) -> None:
    async def go() -> None:
        log = UsageLog(UsageStore.open(tmp_path / "k"))
        log.finished(finished(10, 4, 3, key="bob"))
        await log.close()

    asyncio.run(go())
    reader = UsageStore.open(tmp_path / "k")
    assert reader.sums()[0].usage == Usage(1, 10, 4, 3)
    reader.close()
