"""Batches that are interrupted: restarts, cancelling, expiry, revoked keys, faults."""

from __future__ import annotations

import asyncio
import errno
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from router.batches.input import read_bodies
from router.files.contents import Contents
from router.jobs.limits import UserLimits
from router.keys.store import KeyStore
from shared.wire.jobs import TextJob
from tests.support.batches.running_app import bearer, broker_in, chat_line, running_app, until
from tests.support.batches.scripts import HOLD, said, script_of


def test_after_a_restart_answered_lines_stay_and_the_others_are_run(tmp_path: Path) -> None:
    """The first router stops while four of the lines run; the second one runs just those."""
    held = {f"t{number}": HOLD for number in range(4)}
    first, second = broker_in(tmp_path), broker_in(tmp_path)
    first.script = script_of(**held)
    second.script = script_of()
    runs = Counter[str]()

    async def begin() -> str:
        async with running_app(first) as app:
            batch_id = await app.begin([chat_line(f"r{number}", f"t{number}") for number in range(10)])

            async def others_done() -> bool:
                counts: dict[str, int] = (await app.show(batch_id))["request_counts"]
                return counts["completed"] == 6

            await until(others_done)
            return batch_id

    async def go_on(batch_id: str) -> None:
        async with running_app(second) as app:
            batch = await app.ended(batch_id)
            assert batch["request_counts"] == {"total": 10, "completed": 10, "failed": 0}
            runs.update(line["custom_id"] for line in await app.lines(batch["output_file_id"]))

    asyncio.run(go_on(asyncio.run(begin())))
    assert runs == Counter(f"r{number}" for number in range(10))
    assert sorted(map(said, second.texts)) == sorted(held)


def test_a_batch_that_was_not_checked_yet_is_checked_by_the_next_router(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begin() -> str:
        async with running_app(broker_in(tmp_path)) as app:
            monkeypatch.setattr(app.runner, "add", lambda batch: None)
            return await app.begin([chat_line("a"), chat_line("b")])

    async def go_on(batch_id: str) -> None:
        async with running_app(broker_in(tmp_path)) as app:
            assert (await app.ended(batch_id))["request_counts"]["completed"] == 2

    asyncio.run(go_on(asyncio.run(begin())))


def test_a_cancelled_batch_keeps_its_answers_and_names_what_was_not_run(tmp_path: Path) -> None:
    broker = broker_in(tmp_path)
    broker.script = script_of(long=HOLD)

    async def go() -> None:
        async with running_app(broker) as app:
            batch_id = await app.begin([chat_line("quick"), chat_line("slow", "long"), chat_line("slow 2", "long")])

            async def first_done() -> bool:
                counts: dict[str, int] = (await app.show(batch_id))["request_counts"]
                return counts["completed"] == 1 and len(broker.jobs) == 3

            await until(first_done)
            answer = await app.client.post(f"/v1/batches/{batch_id}/cancel")
            assert answer.json()["status"] == "cancelling"
            batch = await app.ended(batch_id)
            assert batch["status"] == "cancelled"
            assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
            assert batch["cancelling_at"] <= batch["cancelled_at"]
            assert [line["custom_id"] for line in await app.lines(batch["output_file_id"])] == ["quick"]
            errors = await app.lines(batch["error_file_id"])
            assert [(line["custom_id"], line["response"], line["error"]["code"]) for line in errors] == [
                ("slow", None, "batch_cancelled"),
                ("slow 2", None, "batch_cancelled"),
            ]
            again = await app.client.post(f"/v1/batches/{batch_id}/cancel")
            assert again.json()["status"] == "cancelled"

    asyncio.run(go())
    assert [said(job.request.work) for job in broker.cancelled if isinstance(job.request.work, TextJob)] == ["long"] * 2


def test_when_its_time_is_over_a_batch_expires_with_what_it_has(tmp_path: Path) -> None:
    broker = broker_in(tmp_path)
    broker.script = script_of(long=HOLD)

    async def go() -> None:
        async with running_app(broker) as app:
            batch_id = await app.begin([chat_line("quick"), chat_line("slow", "long")])
            await until(lambda: len(broker.jobs) == 2)
            now_s = (await app.show(batch_id))["expires_at"]
            app.keeper.clock = lambda: now_s - 1
            app.runner.look()
            assert (await app.show(batch_id))["status"] == "in_progress"
            app.keeper.clock = lambda: now_s
            app.runner.look()
            batch = await app.ended(batch_id)
            assert batch["status"] == "expired"
            assert batch["expired_at"] == now_s
            assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
            (error,) = await app.lines(batch["error_file_id"])
            assert error["custom_id"] == "slow"
            assert error["response"] is None
            assert error["error"] == {
                "code": "batch_expired",
                "message": "This request could not be executed before the completion window expired.",
            }

    asyncio.run(go())


def test_a_batch_stops_when_its_key_is_revoked_and_obeys_its_limits_before(tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path / "keys.sqlite3")
    key = store.create("bob", UserLimits(max_running=2))
    broker = broker_in(tmp_path, key_file=str(tmp_path / "keys.sqlite3"))
    broker.script = HOLD
    as_bob = bearer(key)
    ann = bearer(store.create("ann", admin=True))

    async def go() -> None:
        async with running_app(broker) as app:
            batch_id = await app.begin([chat_line(f"r{number}") for number in range(5)], **as_bob)
            await until(lambda: len(broker.jobs) == 2)
            await asyncio.sleep(0.05)
            assert [job.request.user for job in broker.jobs] == ["bob", "bob"]
            store.revoke("bob")
            batch = await app.ended(batch_id, **ann)
            assert batch["status"] == "cancelled"
            assert [error["code"] for error in batch["errors"]["data"]] == ["key_revoked"]
            assert len(broker.jobs) == 2
            assert len(await app.lines(batch["error_file_id"], **ann)) == 5

    asyncio.run(go())
    store.close()


def test_an_error_of_our_own_interrupts_a_batch_which_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("router.batches.runner.RESTART_S", 0.001)
    reads = iter([OSError(5, "Input/output error"), RuntimeError("a bug")])

    def failing(*arguments: Any) -> Any:
        error = next(reads, None)
        if error is not None:
            raise error
        return read_bodies(*arguments)

    monkeypatch.setattr("router.batches.lines.read_bodies", failing)

    async def go() -> None:
        async with running_app(broker_in(tmp_path)) as app:
            assert (await app.ended(await app.begin([chat_line("a")])))["status"] == "completed"

    asyncio.run(go())
    assert "a bug" in caplog.text


class FullDisk(io.RawIOBase):
    """A file on a disk that has no room, neither for what is written nor for what a buffer still holds."""

    def writable(self) -> bool:
        return True

    def write(self, given: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_at_the_end_keeps_no_half_written_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.batches.runner.RESTART_S", 0.001)
    begin, begun = Contents.begin, Counter[str]()

    def failing(contents: Contents, file_id: str) -> Any:
        begun["files"] += 1
        file = begin(contents, file_id)
        if begun["files"] != 2:  # the first one is the input
            return file
        file.close()
        return io.BufferedWriter(FullDisk(), 1024 * 1024)

    monkeypatch.setattr(Contents, "begin", failing)

    async def go() -> None:
        async with running_app(broker_in(tmp_path)) as app:
            batch = await app.ended(await app.begin([chat_line("a")]))
            names = {path.name for path in (tmp_path / "files").iterdir()}
            assert names == {batch["input_file_id"], batch["output_file_id"]}

    asyncio.run(go())
    assert begun["files"] == 3
