"""Batches go on to their end beside lines that nobody can read, and disks that are full."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from router.batches.input import InputCheck
from router.batches.records import InputLine
from router.batches.tools import CHECKS
from router.files.contents import Contents
from tests.support.batches.running_app import broker_in, chat_line, jsonl, running_app


def test_a_line_that_cannot_be_read_ends_no_other_line(tmp_path: Path) -> None:
    head = b'{"custom_id":"bad-%d","method":"POST","url":"/v1/chat/completions","body":'
    bodies = [b'{"model":"\xff"}', b'{"n":1e999,"messages":[]}']
    lines = b"".join(head % number + body + b"}\n" for number, body in enumerate(bodies))

    async def go() -> None:
        async with running_app(broker_in(tmp_path)) as app:
            file_id = (await app.upload(lines + jsonl([chat_line("good")]))).json()["id"]
            body = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            batch = await app.ended((await app.client.post("/v1/batches", json=body)).json()["id"])
            assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
            assert [line["custom_id"] for line in await app.lines(batch["output_file_id"])] == ["good"]
            errors = await app.lines(batch["error_file_id"])
            assert [line["response"]["status_code"] for line in errors] == [400, 400]

    asyncio.run(go())


def test_a_full_disk_delays_the_end_of_a_batch_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.batches.runner.RESTART_S", 0.001)
    full, begin = iter(["/dev/full"] * 3), Contents.begin

    def begin_on_full_disk(contents: Contents, file_id: str) -> BinaryIO:
        file = begin(contents, file_id)
        path = next(full, None) if armed else None
        if path is None:
            return file
        file.close()
        return open(path, "wb")

    armed: list[Any] = []
    monkeypatch.setattr(Contents, "begin", begin_on_full_disk)

    async def go() -> None:
        async with running_app(broker_in(tmp_path)) as app:
            file_id = (await app.upload(jsonl([chat_line("a")]))).json()["id"]
            armed.append(True)
            body = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            batch = await app.ended((await app.client.post("/v1/batches", json=body)).json()["id"])
            assert batch["status"] == "completed"
            assert next(full, None) is None
            assert {path.name for path in (tmp_path / "files").iterdir()} == {file_id, batch["output_file_id"]}

    asyncio.run(go())


def test_few_inputs_are_checked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Any] = []
    most = [0]

    class CountedCheck(InputCheck):
        def next_lines(self) -> list[InputLine] | None:
            if self not in checked:
                checked.append(self)
            most.append(len(checked))
            lines = super().next_lines()
            if lines is None:
                checked.remove(self)
            return lines

    monkeypatch.setattr("router.batches.run.InputCheck", CountedCheck)

    async def go() -> None:
        async with running_app(broker_in(tmp_path)) as app:
            batches = await asyncio.gather(*(app.begin([chat_line("a")]) for _ in range(8)))
            for batch in batches:
                assert (await app.ended(batch))["status"] == "completed"

    asyncio.run(go())
    assert 1 <= max(most) <= CHECKS
