"""Batches in a running application: from a file to its answers, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import router.batches.lines
from router.jobs.limits import Priority
from router.jobs.refusals import RefusalReason, Refused
from shared.wire.payloads import Failed
from tests.support.batches.running_app import broker_in, chat_line, running_app, settings_in, until
from tests.support.batches.scripts import HOLD, script_of
from tests.support.router.fake_broker import QUEUE_FULL, FakeBroker
from tests.support.router.watched_broker import WatchedBroker


def test_every_line_is_answered_in_openais_form(tmp_path: Path) -> None:
    broker = broker_in(tmp_path)
    broker.script = script_of()

    async def go() -> None:
        async with running_app(broker) as app:
            batch_id = await app.begin([chat_line(f"r{number}", f"t{number}") for number in range(40)])
            batch = await app.ended(batch_id)
            assert batch["status"] == "completed"
            assert batch["request_counts"] == {"total": 40, "completed": 40, "failed": 0}
            assert batch["error_file_id"] is None
            assert batch["in_progress_at"] <= batch["finalizing_at"] <= batch["completed_at"]
            lines = await app.lines(batch["output_file_id"])
            assert [line["custom_id"] for line in lines] == [f"r{number}" for number in range(40)]
            assert set(lines[3]) == {"id", "custom_id", "response", "error"}
            assert lines[3]["id"].startswith("batch_req_")
            assert lines[3]["error"] is None
            assert set(lines[3]["response"]) == {"status_code", "request_id", "body"}
            assert lines[3]["response"]["status_code"] == 200
            assert lines[3]["response"]["body"]["choices"][0]["message"]["content"] == "t3!"
            file = (await app.client.get(f"/v1/files/{batch['output_file_id']}")).json()
            assert (file["purpose"], file["filename"]) == ("batch_output", f"{batch_id}_output.jsonl")

    asyncio.run(go())
    assert {job.request.priority for job in broker.jobs} == {Priority.BATCH}


def test_errors_of_lines_are_in_the_error_file_and_end_no_other_line(tmp_path: Path) -> None:
    broker = broker_in(tmp_path)
    broker.script = script_of(bad=[Failed(400, "too long", "messages", "context_length_exceeded")])
    lines = [
        chat_line("good"),
        chat_line("bad", "bad"),
        chat_line("stream", stream=True),
        chat_line("wrong", temperature=9),
        chat_line("model", model="other"),
    ]

    async def go() -> None:
        async with running_app(broker) as app:
            batch = await app.ended(await app.begin(lines))
            assert batch["status"] == "completed"
            assert batch["request_counts"] == {"total": 5, "completed": 1, "failed": 4}
            assert [line["custom_id"] for line in await app.lines(batch["output_file_id"])] == ["good"]
            errors = {line["custom_id"]: line for line in await app.lines(batch["error_file_id"])}
            assert {name: line["response"]["status_code"] for name, line in errors.items()} == {
                "bad": 400,
                "stream": 400,
                "wrong": 400,
                "model": 404,
            }
            assert {line["error"] for line in errors.values()} == {None}
            messages = {name: line["response"]["body"]["error"]["message"] for name, line in errors.items()}
            assert messages["stream"] == "stream: expected false in a batch, got True"
            assert messages["bad"] == "too long"

    asyncio.run(go())


def test_lines_that_find_no_room_are_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.batches.lines, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(router.batches.lines, "MAX_PAUSE_S", 0.01)
    refusals = [QUEUE_FULL, Refused(RefusalReason.NO_WORKER, "model: no worker can serve 'smol'", "model")] * 3

    class Refusing(FakeBroker):
        def submit(self, request: Any) -> Any:
            if refusals:
                raise refusals.pop()
            return super().submit(request)

    broker = Refusing(settings_in(tmp_path))

    async def go() -> None:
        async with running_app(broker) as app:
            batch = await app.ended(await app.begin([chat_line(f"r{number}") for number in range(4)]))
            assert await app.lines(batch["error_file_id"]) == []
            assert batch["request_counts"] == {"total": 4, "completed": 4, "failed": 0}

    asyncio.run(go())
    assert len(broker.jobs) == 4


def test_no_more_lines_run_at_once_than_the_workers_have_slots(tmp_path: Path) -> None:
    broker = broker_in(tmp_path)
    broker.script = HOLD
    slots = broker.settings.models[0].slots

    async def go() -> None:
        async with running_app(broker) as app:
            await app.begin([chat_line(f"r{number}") for number in range(2 * slots)])
            await until(lambda: len(broker.jobs) >= slots)
            await asyncio.sleep(0.05)
            assert len(broker.jobs) == slots
            assert app.runner.running_lines == slots

    asyncio.run(go())


def test_a_line_has_no_default_timeout_but_its_own(tmp_path: Path) -> None:
    broker = broker_in(tmp_path, default_timeout_s=5.0)

    async def go() -> None:
        async with running_app(broker) as app:
            await app.ended(await app.begin([chat_line("a"), chat_line("b", timeout=3)]))

    asyncio.run(go())
    assert [job.request.timeout_s for job in broker.jobs] == [None, 3]


def test_lines_are_logged_and_counted_as_requests_of_their_owner(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "nexa.request")
    broker = WatchedBroker(settings_in(tmp_path))

    async def go() -> str:
        async with running_app(broker) as app:
            batch_id = await app.begin([chat_line("a")])
            await app.ended(batch_id)
            metrics = (await app.client.get("/metrics")).text
            assert 'endpoint="/v1/chat/completions"' in metrics
            return batch_id

    batch_id = asyncio.run(go())
    (logged,) = [record.__dict__ for record in caplog.records if record.__dict__.get("id") == f"{batch_id}-1"]
    assert (logged["path"], logged["user"], logged["status"]) == ("/v1/chat/completions", "127.0.0.1", 200)


def test_a_bad_input_fails_the_batch_and_names_the_lines(tmp_path: Path) -> None:
    lines = b"\n".join([json.dumps(chat_line("a")).encode(), b"{nonsense", json.dumps(chat_line("a")).encode()])

    async def go() -> None:
        async with running_app(broker_in(tmp_path)) as app:
            file_id = (await app.upload(lines)).json()["id"]
            body = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            batch = await app.ended((await app.client.post("/v1/batches", json=body)).json()["id"])
            assert batch["status"] == "failed"
            assert [(error["line"], error["code"]) for error in batch["errors"]["data"]] == [
                (2, "invalid_json_line"),
                (3, "duplicate_custom_id"),
            ]
            assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
            assert (batch["output_file_id"], batch["error_file_id"]) == (None, None)

    asyncio.run(go())
