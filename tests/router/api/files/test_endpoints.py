"""``/v1/files`` over HTTP."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

import router.files.reading
from router.files.keeper import FileKeeper
from router.keys.store import KeyStore
from tests.support.batches.running_app import RunningApp, bearer, broker_in, chat_line, jsonl, running_app
from tests.support.router.client import serving


def in_app(folder: Path, test: Callable[[RunningApp], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def go() -> None:
        async with running_app(broker_in(folder, **settings)) as app:
            await test(app)

    asyncio.run(go())


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["message"], error["code"]


def test_a_file_is_stored_listed_read_and_deleted(tmp_path: Path) -> None:
    content = b"some bytes \x00\xff\r\n" * 100_000  # larger than what stays in memory

    async def test(app: RunningApp) -> None:
        file = (await app.upload(content, "user_data")).json()
        assert {name: file[name] for name in ("object", "bytes", "filename", "purpose", "status")} == {
            "object": "file",
            "bytes": len(content),
            "filename": "input.jsonl",
            "purpose": "user_data",
            "status": "processed",
        }
        assert file["expires_at"] - file["created_at"] == 30 * 24 * 3600
        path = f"/v1/files/{file['id']}"
        assert (await app.client.get(path)).json() == file
        assert (await app.client.get("/v1/files")).json()["data"] == [file]
        answer = await app.client.get(f"{path}/content")
        assert answer.content == content
        assert answer.headers["content-length"] == str(len(content))
        head = await app.client.head(f"{path}/content")
        assert (head.headers["content-length"], head.content) == (str(len(content)), b"")
        assert (await app.client.delete(path)).json() == {"id": file["id"], "object": "file", "deleted": True}
        assert (await app.client.get(path)).status_code == 404
        assert (await app.client.get(f"{path}/content")).status_code == 404

    in_app(tmp_path, test)
    assert list((tmp_path / "files").iterdir()) == []


def test_a_content_is_never_a_page_whatever_it_is_called(tmp_path: Path) -> None:
    async def test(app: RunningApp) -> None:
        files = {"file": ('../ev"il\u00e9.html', b"<script>")}
        file = (await app.client.post("/v1/files", files=files, data={"purpose": "batch"})).json()
        headers = (await app.client.get(f"/v1/files/{file['id']}/content")).headers
        assert headers["content-type"] == "application/octet-stream"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-disposition"].startswith("attachment; filename*=UTF-8''ev")
        assert '"' not in headers["content-disposition"]

    in_app(tmp_path, test)


def test_pages_follow_each_other_in_both_orders(tmp_path: Path) -> None:
    async def test(app: RunningApp) -> None:
        ids = [(await app.upload(b"x", purpose)).json()["id"] for purpose in ("batch", "evals", "batch", "batch")]

        async def pages(**query: Any) -> list[list[str]]:
            found: list[list[str]] = []
            after: dict[str, str] = {}
            while True:
                page = (await app.client.get("/v1/files", params={**query, **after})).json()
                found.append([file["id"] for file in page["data"]])
                assert (page["first_id"], page["last_id"]) == (found[-1][0], found[-1][-1])
                if not page["has_more"]:
                    return found
                after = {"after": page["last_id"]}

        assert await pages(limit=3) == [[ids[3], ids[2], ids[1]], [ids[0]]]
        assert await pages(limit=2, order="asc") == [ids[:2], ids[2:]]
        assert await pages(purpose="batch", order="asc") == [[ids[0], ids[2], ids[3]]]
        status, message, code = error_of(await app.client.get("/v1/files", params={"after": "file-1"}))
        assert (status, code) == (404, "file_not_found")
        assert message == "after: expected the id of one of your files, got 'file-1'"

    in_app(tmp_path, test)


def test_what_is_wrong_with_an_upload_is_named(tmp_path: Path) -> None:
    async def test(app: RunningApp) -> None:
        expected = "'assistants', 'batch', 'fine-tune', 'vision', 'user_data' or 'evals'"
        assert error_of(await app.upload(b"x", "batch_output"))[:2] == (
            400,
            f"purpose: expected {expected}, got 'batch_output'",
        )
        nothing = await app.client.post("/v1/files", files={"file": ("a", b"x")})
        assert error_of(nothing)[:2] == (400, "purpose is required")
        assert error_of(await app.upload(b""))[0] == 400
        assert error_of(await app.upload(b"x" * 101))[:2] == (413, "file: expected at most 100 bytes, got 101")
        short = {"purpose": "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": "5"}
        answer = await app.client.post("/v1/files", files={"file": ("a", b"x")}, data=short)
        assert error_of(answer)[0] == 400
        assert "expires_after[seconds]: expected at least 3600, got '5'" in error_of(answer)[1]

    in_app(tmp_path, test, max_upload_bytes=100)
    assert not (tmp_path / "files").exists()


def test_files_over_the_limits_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path / "keys.sqlite3")
    users = [bearer(store.create(name)) for name in ("ann", "bob", "cat")]
    store.close()

    async def test(app: RunningApp) -> None:
        ann, bob, cat = users
        assert (await app.upload(b"x" * 50, **ann)).status_code == 200
        status, message, code = error_of(await app.upload(b"x", **ann))
        assert (status, code) == (413, "storage_full")
        assert message == (
            "file: expected at most 50 bytes of stored files of one user (--files-keep-bytes), got 50 and 1 more; "
            "delete files that are no longer needed"
        )
        assert (await app.upload(b"x" * 40, **bob)).status_code == 200
        assert (
            "at most 100 bytes of stored files (--files-keep-bytes), got 90 and 11 more"
            in error_of(await app.upload(b"x" * 11, **cat))[1]
        )

    in_app(tmp_path, test, files_keep_bytes=100, key_file=str(tmp_path / "keys.sqlite3"))
    assert len(list((tmp_path / "files").iterdir())) == 2


def test_users_see_their_own_files_and_administrators_all(tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path / "keys.sqlite3")
    ann, bob = [bearer(store.create(name)) for name in ("ann", "bob")]
    admin = bearer(store.create("root", admin=True))
    store.close()

    async def test(app: RunningApp) -> None:
        file_id = (await app.upload(b"secret", **ann)).json()["id"]
        path = f"/v1/files/{file_id}"
        assert (await app.client.get("/v1/files", **bob)).json()["data"] == []
        for method, below in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            answer = await app.client.request(method, path + below, **bob)
            message = f"file_id: expected the id of one of your files, got '{file_id}'"
            assert error_of(answer) == (404, message, "file_not_found")
        body = {"input_file_id": file_id, "endpoint": "/v1/completions", "completion_window": "24h"}
        assert (await app.client.post("/v1/batches", json=body, **bob)).status_code == 404
        assert len((await app.client.get("/v1/files", **admin)).json()["data"]) == 1
        assert (await app.client.get(f"{path}/content", **admin)).content == b"secret"
        assert (await app.client.get(path)).status_code == 401

    in_app(tmp_path, test, key_file=str(tmp_path / "keys.sqlite3"))


def test_a_file_that_a_running_batch_reads_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(app: RunningApp) -> None:
        monkeypatch.setattr(app.runner, "add", lambda batch: None)
        batch = await app.show(await app.begin([chat_line("a")]))
        path = f"/v1/files/{batch['input_file_id']}"
        status, message, code = error_of(await app.client.delete(path))
        assert (status, code) == (400, "file_in_use")
        assert message.startswith("file_id: expected a file that no unfinished batch reads")
        app.keeper.clock = lambda: 1e10
        assert (await app.client.get(path)).status_code == 200

    in_app(tmp_path, test)


def test_while_another_server_has_the_files_the_answer_is_503(tmp_path: Path) -> None:
    async def test() -> None:
        other = FileKeeper(str(tmp_path))
        await other.open()
        async with running_app(broker_in(tmp_path)) as app:
            answers = [await app.upload(b"x"), await app.client.get("/v1/files"), await app.client.get("/v1/batches")]
            assert [error_of(answer)[::2] for answer in answers] == [(503, "files_unavailable")] * 3
            assert "is used by another server" in error_of(answers[0])[1]
            assert answers[0].headers["retry-after"] == "5"
            assert (await app.client.get("/health")).status_code == 200
        await other.close()

    asyncio.run(test())


def test_the_openai_package_stores_and_reads_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.files.reading, "SLICE_BYTES", 7)
    with serving(broker_in(tmp_path)) as url, OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        content = jsonl([chat_line("a")])
        file = client.files.create(
            file=io.BytesIO(content), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
        )
        assert file.expires_at == file.created_at + 3600
        assert [found.id for found in client.files.list(purpose="batch")] == [file.id]
        assert client.files.content(file.id).read() == content
        assert client.files.wait_for_processing(file.id).status == "processed"
        assert client.files.delete(file.id).deleted
        assert list(client.files.list()) == []
