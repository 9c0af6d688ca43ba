"""Fetching, listing and deleting models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.settings import ServerSettings
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub
from tests.support.router.client import app_of
from tests.support.router.fake_broker import MODEL, FakeBroker

GGUF = build_gguf(tensors=[("t", (512, 512))])
TINY = "hf:owner/tiny"


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub(owner__tiny=FakeRepo({"tiny-Q4_K_M.gguf": GGUF})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
        yield server


@asynccontextmanager
async def client_of(broker: FakeBroker, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app_of(broker), client=(address, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield client


async def ended(client: httpx.AsyncClient) -> dict[str, Any]:
    """The only fetching, when it no longer runs."""
    async with asyncio.timeout(20):
        while True:
            (pull,) = (await client.get("/v1/pulls")).json()["data"]
            if pull["state"] != "running":
                found: dict[str, Any] = pull
                return found
            await asyncio.sleep(0.01)


def run(test: Callable[[httpx.AsyncClient], Any], broker: FakeBroker | None = None, address: str = "127.0.0.1") -> None:
    async def go() -> None:
        async with client_of(broker or FakeBroker(), address) as client:
            await test(client)

    asyncio.run(go())


def test_a_model_is_fetched_while_nobody_waits() -> None:
    async def test(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/pulls", json={"model": f" {TINY} "})
        begun = answer.json()
        assert (answer.status_code, begun["model"], begun["state"]) == (202, TINY, "running")
        pull = await ended(client)
        size = len(GGUF)
        assert pull == {
            **begun,
            "state": "done",
            "ended": pull["ended"],
            "done_bytes": size,
            "total_bytes": size,
            "files": [{"path": "tiny-Q4_K_M.gguf", "done_bytes": size, "total_bytes": size}],
            "serve": f"nexa server smol {TINY}",
        }
        assert pull["ended"] >= pull["started"]

    run(test)


def test_events_tell_of_a_fetching_until_its_end() -> None:
    async def test(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/models/pull", json={"model": TINY})
        assert answer.headers["content-type"].startswith("text/event-stream")
        *events, end = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
        assert end == "[DONE]"
        last = json.loads(events[-1])
        assert (last["state"], last["done_bytes"], last["total_bytes"]) == ("done", len(GGUF), len(GGUF))
        assert last == await ended(client)
        unknown = await client.post("/v1/models/pull", json={"model": "no-such-model"})
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")

    run(test)


def test_what_is_kept_is_listed_and_deleted() -> None:
    async def test(client: httpx.AsyncClient) -> None:
        await client.post("/v1/pulls", json={"model": TINY})
        await ended(client)
        (stored,) = (await client.get("/v1/store")).json()["data"]
        assert (stored["id"], stored["size_bytes"], stored["served_as"]) == ("owner/tiny", len(GGUF), None)
        deleted = await client.delete(f"/v1/models/{stored['id']}")
        assert deleted.json() == {"id": "owner/tiny", "object": "model", "deleted": True}
        assert (await client.get("/v1/store")).json()["data"] == []
        again = await client.delete(f"/v1/models/{TINY}")
        assert (again.status_code, again.json()["error"]["code"]) == (404, "model_not_found")

    run(test)


def test_a_served_model_is_told_and_not_deleted(tmp_path: Path) -> None:
    async def fetch(client: httpx.AsyncClient) -> None:
        await client.post("/v1/pulls", json={"model": TINY})
        await ended(client)

    async def test(client: httpx.AsyncClient) -> None:
        (stored,) = (await client.get("/v1/store")).json()["data"]
        assert stored["served_as"] == "smol"
        for name in ("smol", TINY):
            refused = await client.delete(f"/v1/models/{name}")
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "model_in_use")
        assert file.exists()

    run(fetch)
    (file,) = (tmp_path / "models").rglob("*.gguf")
    served = MODEL.model_copy(update={"path": str(file)})
    run(test, FakeBroker(settings=ServerSettings(models=(served,), run_folder="")))


def test_a_failed_fetching_says_why() -> None:
    async def test(client: httpx.AsyncClient) -> None:
        await client.post("/v1/pulls", json={"model": "hf:owner/other"})
        pull = await ended(client)
        assert (pull["state"], pull["serve"]) == ("failed", None)
        assert "has no model owner/other" in pull["error"]
        forgotten = await client.delete(f"/v1/pulls/{pull['id']}")
        assert forgotten.json()["state"] == "failed"
        assert (await client.get("/v1/pulls")).json()["data"] == []

    run(test)


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        ("qwen3:7b", 404, "model: expected a name of the catalog, got 'qwen3:7b'"),
        ("hf:x", 404, "model: expected hf:owner/repo[:file-pattern], got 'hf:x'"),
        (" ", 400, "model is required"),
        (None, 400, "model is required"),
    ],
)
def test_a_wrong_name_is_refused_at_once(model: str | None, status: int, message: str) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/pulls", json={"model": model})
        assert answer.status_code == status
        assert answer.json()["error"]["message"].startswith(message)

    run(test)


def test_a_fetching_that_never_was_is_not_stopped() -> None:
    async def test(client: httpx.AsyncClient) -> None:
        answer = await client.delete("/v1/pulls/none")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "pull_not_found")

    run(test)


ALL = [
    ("POST", "/v1/pulls", {"model": TINY}),
    ("GET", "/v1/pulls", None),
    ("DELETE", "/v1/pulls/x", None),
    ("GET", "/v1/store", None),
    ("DELETE", "/v1/models/smol", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ALL)
def test_only_the_operator_may_and_no_page_of_others(method: str, path: str, body: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        assert (await client.request(method, path, json=body)).status_code == 403

    async def test_page(client: httpx.AsyncClient) -> None:
        for headers in ({"Origin": "http://localhost:3000"}, {"Sec-Fetch-Site": "same-site"}):
            assert (await client.request(method, path, json=body, headers=headers)).status_code == 403

    run(test, address="192.168.1.7")
    run(test_page)
