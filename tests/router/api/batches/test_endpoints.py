"""``/v1/batches`` over HTTP: what may be asked for, and whose batches one sees."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from router.keys.store import KeyStore
from tests.support.batches.running_app import RunningApp, bearer, broker_in, chat_line, jsonl, running_app
from tests.support.router.client import serving


def in_app(folder: Path, test: Callable[[RunningApp], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def go() -> None:
        async with running_app(broker_in(folder, **settings)) as app:
            await test(app)

    asyncio.run(go())


def message_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"completion_window": "1d"}, "completion_window: expected hours such as 24h, up to 720h, got '1d'"),
        ({"completion_window": "0h"}, "completion_window: expected hours such as 24h, up to 720h, got '0h'"),
        ({"completion_window": "721h"}, "completion_window: expected hours such as 24h, up to 720h, got '721h'"),
        ({"completion_window": None}, "completion_window is required"),
        ({"endpoint": None}, "endpoint is required"),
        ({"input_file_id": None}, "input_file_id is required"),
        ({"metadata": {"a": 1}}, "metadata.a: expected a string, got 1"),
        ({"metadata": {str(name): "" for name in range(17)}}, "metadata: expected at most 16 texts, got 17"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "output_expires_after.seconds: expected"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    async def test(app: RunningApp) -> None:
        file_id = (await app.upload(jsonl([chat_line("a")]))).json()["id"]
        body = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h", **change}
        status, said = message_of(await app.client.post("/v1/batches", json=body))
        assert status == 400
        assert said.startswith(message)

    in_app(tmp_path, test)


def test_other_endpoints_and_files_are_refused(tmp_path: Path) -> None:
    async def test(app: RunningApp) -> None:
        file_id = (await app.upload(b"x", "user_data")).json()["id"]
        body = {"input_file_id": file_id, "endpoint": "/v1/completions", "completion_window": "24h"}
        status, said = message_of(await app.client.post("/v1/batches", json={**body, "endpoint": "/v1/txt2img"}))
        assert status == 400
        assert said.startswith("endpoint: expected /v1/chat/completions or /v1/completions")
        assert said.endswith(", got '/v1/txt2img'")
        assert message_of(await app.client.post("/v1/batches", json=body)) == (
            400,
            "input_file_id: expected a file with the purpose batch, got one with 'user_data'",
        )
        status, said = message_of(await app.client.post("/v1/batches", json={**body, "input_file_id": "file-x"}))
        assert (status, said) == (404, "input_file_id: expected the id of one of your files, got 'file-x'")
        assert message_of(await app.client.get("/v1/batches/batch_x")) == (
            404,
            "batch_id: expected the id of one of your batches, got 'batch_x'",
        )

    in_app(tmp_path, test)


def test_users_see_their_own_batches_and_administrators_all(tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path / "keys.sqlite3")
    ann, bob = [bearer(store.create(name)) for name in ("ann", "bob")]
    admin = bearer(store.create("root", admin=True))
    store.close()

    async def test(app: RunningApp) -> None:
        batch_id = await app.begin([chat_line("a")], **ann)
        assert (await app.client.get(f"/v1/batches/{batch_id}", **bob)).status_code == 404
        assert (await app.client.post(f"/v1/batches/{batch_id}/cancel", **bob)).status_code == 404
        for user, number in ((ann, 1), (bob, 0), (admin, 1)):
            assert len((await app.client.get("/v1/batches", **user)).json()["data"]) == number
        batch = await app.ended(batch_id, **ann)
        assert len(await app.lines(batch["output_file_id"], **ann)) == 1
        assert (await app.client.get(f"/v1/files/{batch['output_file_id']}", **bob)).status_code == 404

    in_app(tmp_path, test, key_file=str(tmp_path / "keys.sqlite3"))


def test_what_has_ended_cannot_be_cancelled(tmp_path: Path) -> None:
    async def test(app: RunningApp) -> None:
        batch_id = await app.begin([chat_line("a")])
        await app.ended(batch_id)
        assert message_of(await app.client.post(f"/v1/batches/{batch_id}/cancel")) == (
            400,
            "batch_id: expected a batch that has not ended, got one that is completed",
        )

    in_app(tmp_path, test)


def test_pages_are_newest_first(tmp_path: Path) -> None:
    async def test(app: RunningApp) -> None:
        ids = [await app.begin([chat_line("a")]) for _ in range(3)]
        page = (await app.client.get("/v1/batches", params={"limit": 2})).json()
        assert [batch["id"] for batch in page["data"]] == [ids[2], ids[1]]
        assert page["has_more"]
        rest = (await app.client.get("/v1/batches", params={"after": page["last_id"]})).json()
        assert [batch["id"] for batch in rest["data"]] == [ids[0]]
        assert not rest["has_more"]
        missing = await app.client.get("/v1/batches", params={"after": "batch_1"})
        assert missing.status_code == 404
        assert missing.json()["error"]["message"] == "after: expected the id of one of your batches, got 'batch_1'"

    in_app(tmp_path, test)


def test_the_openai_package_runs_a_batch_of_completions(tmp_path: Path) -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": {"prompt": "Hi", "n": 2}}
    with serving(broker_in(tmp_path)) as url, OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        file = client.files.create(file=("a.jsonl", jsonl([line])), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/completions",
            completion_window="24h",
            metadata={"run": "7"},
            output_expires_after={"anchor": "created_at", "seconds": 7200},
        )
        assert (batch.status, batch.metadata) == ("validating", {"run": "7"})
        assert batch.expires_at == batch.created_at + 24 * 3600
        deadline_s = time.monotonic() + 20
        while (batch := client.batches.retrieve(batch.id)).status != "completed":
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        assert batch.output_file_id is not None
        (answer,) = client.files.content(batch.output_file_id).text.splitlines()
        assert [choice["text"] for choice in json.loads(answer)["response"]["body"]["choices"]] == ["Once upon"] * 2
        output = client.files.retrieve(batch.output_file_id)
        assert output.expires_at == output.created_at + 7200
        assert [found.id for found in client.batches.list(limit=1)] == [batch.id]
