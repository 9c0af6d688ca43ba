"""What becomes of the requests of a key that is revoked while they run or wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.answers.registry import JobRegistry
from router.answers.submission import SubmittedRequest
from router.app import create_app
from router.http.request_record import RequestRecord
from router.keys.store import KeyStore
from router.schemas.errors import ApiError
from shared.settings import ServerSettings
from tests.support.router.client import COMPLETION
from tests.support.router.fake_broker import MODEL, FakeBroker, words

MESSAGE = "this request's API key was revoked"
ENDLESS = words("Once", " upon")[:-1]


class Served:
    """A running application with a key file and jobs that never end."""

    def __init__(self, path: Path) -> None:
        self.store = KeyStore.open(path)
        self.broker = FakeBroker(
            ServerSettings(models=(MODEL,), run_folder="", key_file=str(path)), script=lambda _: ENDLESS
        )
        self.app = create_app(self.broker)

    @asynccontextmanager
    async def client(self, key: str) -> AsyncIterator[httpx.AsyncClient]:
        await self.app.state.keyring.refresh()
        transport = httpx.ASGITransport(app=self.app, client=("192.168.1.7", 50000))
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            self.app.router.lifespan_context(self.app),
            httpx.AsyncClient(transport=transport, base_url="http://nexa", headers=headers) as http,
        ):
            yield http

    async def revoke(self, name: str) -> None:
        self.store.revoke(name)
        await self.app.state.keyring.refresh()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "keys")
    yield made
    made.store.close()


async def begun(served: Served, jobs: int = 1) -> None:
    while len(served.broker.jobs) < jobs or not served.broker.jobs[-1].generated:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("headers", [{}, {"X-Resumable": "true"}])
def test_a_stream_ends_with_an_error(served: Served, headers: dict[str, str]) -> None:
    async def go() -> httpx.Response:
        async with served.client(served.store.create("bob")) as http:
            asking = asyncio.ensure_future(
                http.post("/v1/completions", json={**COMPLETION, "stream": True}, headers=headers)
            )
            await begun(served)
            await served.revoke("bob")
            return await asking

    answer = asyncio.run(asyncio.wait_for(go(), 10))
    events: list[dict[str, Any]] = [
        json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")
    ]
    assert events[-1]["error"]["message"] == MESSAGE
    assert len(served.broker.cancelled) == 1


def test_a_whole_answer_is_401_and_other_keys_go_on(served: Served) -> None:
    async def go() -> httpx.Response:
        bob, ann = served.store.create("bob"), served.store.create("ann")
        async with served.client(bob) as http:
            others = asyncio.ensure_future(
                http.post("/v1/completions", json=COMPLETION, headers={"Authorization": f"Bearer {ann}"})
            )
            await begun(served)
            asking = asyncio.ensure_future(http.post("/v1/completions", json=COMPLETION))
            await begun(served, jobs=2)
            await served.revoke("bob")
            answer = await asking
            assert [job.request.user for job in served.broker.cancelled] == ["bob"]
            others.cancel()
            return answer

    answer = asyncio.run(asyncio.wait_for(go(), 10))
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, MESSAGE)


def test_a_request_whose_key_was_revoked_on_its_way_is_cancelled_at_once() -> None:
    cancelled = []

    class Submitted(SubmittedRequest):
        """What the registry needs of a request."""

        def __init__(self, key_id: str) -> None:
            self.record = RequestRecord(answer_id=key_id, key_id=key_id)

        def cancel(self, reason: ApiError | None = None) -> None:
            cancelled.append((self.record.key_id, str(reason)))

    registry = JobRegistry(60.0, 1000, 8, is_active=lambda key_id: key_id == "valid")
    for key_id in ("", "valid", "revoked"):
        registry.add(Submitted(key_id))
    assert cancelled == [("revoked", MESSAGE)]
