"""A key that has used its tokens of the day waits for the next one, whichever endpoint it asks."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.jobs.limits import UserLimits
from router.keys import usage_log
from router.keys.store import KeyStore
from router.keys.usage import Usage, UsageBucket, UsageStore
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from tests.support.router.client import app_of
from tests.support.router.fake_broker import FakeBroker, words

MODEL = ModelSettings(name="all", kinds=tuple(JobKind), engine="echo", path="")
CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
HOLD = words("a")[:1]
"""A job of 7 tokens that never ends by itself."""


class MeteredApp:
    """An application with a key file, in which anna may use 100 tokens a day. Each request takes 7 and 2 of them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "keys.sqlite3"
        store = KeyStore.open(self.file)
        self.key = store.create("anna", UserLimits(tokens_per_day=100))
        store.close()
        self.start()

    def start(self) -> None:
        settings = ServerSettings(models=(MODEL,), run_folder="", key_file=str(self.file))
        self.broker = FakeBroker(settings=settings)

    def use(self, prompt: int, completion: int = 0) -> None:
        """Write what another server has used."""
        store = UsageStore.open(self.file)
        today = datetime.datetime.now(datetime.UTC).date()
        store.add({UsageBucket(today, "anna", "m"): Usage(1, prompt, 0, completion)})
        store.close()

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app_of(self.broker))
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(transport=transport, base_url="http://nexa", headers=headers)

    def post(self, path: str = "/v1/chat/completions", **request: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            async with self.client() as http:
                return await http.post(path, **(request or {"json": CHAT}))

        return asyncio.run(go())


@pytest.fixture
def server(tmp_path: Path) -> MeteredApp:
    return MeteredApp(tmp_path)


def test_the_limit_is_reached_in_the_course_of_requests(server: MeteredApp) -> None:
    async def go() -> list[int]:
        async with server.client() as http:
            return [(await http.post("/v1/chat/completions", json=CHAT)).status_code for _ in range(13)]

    assert asyncio.run(go()) == [200] * 12 + [429]  # 9 tokens each


def test_the_refusal_says_how_much_and_until_when(server: MeteredApp) -> None:
    server.use(90, 10)
    server.start()
    refused = server.post()
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "tokens_per_day_exceeded")
    expected = "tokens_per_day: expected at most 100 tokens of your key in a day (UTC), got 100; more in "
    assert error["message"].startswith(expected)
    wait_s = int(refused.headers["retry-after"])
    assert 0 < wait_s <= 24 * 3600
    assert wait_s <= 60 or refused.headers["x-should-retry"] == "false"
    assert server.broker.jobs == []


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/v1/completions", {"json": {"prompt": "a"}}),
        ("/v1/chat/completions", {"json": {**CHAT, "stream": True}}),
        ("/v1/responses", {"json": {"input": "a"}}),
        ("/v1/messages", {"json": CHAT}),
        ("/v1/embeddings", {"json": {"input": "a"}}),
        ("/v1/rerank", {"json": {"query": "a", "documents": ["b"]}}),
        ("/api/chat", {"json": CHAT}),
        ("/api/embed", {"json": {"input": "a"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_all_that_uses_tokens_is_refused(server: MeteredApp, path: str, request_: dict[str, Any]) -> None:
    server.use(100)
    server.start()
    assert server.post(path, **request_).status_code == 429
    assert server.broker.jobs == []


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/txt2img", {"prompt": "a"}), ("/tokenize", {"content": "a"})], ids=["picture", "count"]
)
def test_what_uses_no_tokens_is_not(server: MeteredApp, path: str, body: dict[str, Any]) -> None:
    server.use(100)
    server.start()
    server.post(path, json=body)
    assert len(server.broker.jobs) == 1


def test_requests_at_once_go_only_a_little_over_the_limit(server: MeteredApp) -> None:
    """Each of them is expected to take 5 tokens: one of the prompt, and four."""
    server.broker.script = HOLD

    async def go() -> None:
        async with server.client() as http:
            asked = [asyncio.create_task(http.post("/v1/chat/completions", json=CHAT)) for _ in range(60)]
            while sum(task.done() for task in asked) + len(server.broker.jobs) < 60:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.005)
            answers = [task.result() for task in asked if task.done()]
            assert {answer.status_code for answer in answers} == {429}
            assert "requests that run and wait; try again in about 5 s" in answers[0].text
            assert answers[0].headers["retry-after"] == "5"
            assert 100 // 7 <= len(server.broker.jobs) <= 100 // 5
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(asyncio.wait_for(go(), 30))


def test_what_was_used_is_known_after_a_restart(server: MeteredApp) -> None:
    async def go(calls: int) -> list[int]:
        app = app_of(server.broker)
        async with app.router.lifespan_context(app), server.client() as http:
            return [(await http.post("/v1/chat/completions", json=CHAT)).status_code for _ in range(calls)]

    assert asyncio.run(go(12)) == [200] * 12
    server.start()
    assert asyncio.run(go(1)) == [429]


def test_what_another_server_has_used_is_seen(server: MeteredApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_log, "LOOK_INTERVAL_S", 0.0)

    async def go() -> None:
        async with server.client() as http:
            assert (await http.post("/v1/chat/completions", json=CHAT)).status_code == 200
            server.use(100)
            async with asyncio.timeout(10):
                while (await http.post("/v1/chat/completions", json=CHAT)).status_code == 200:
                    pass

    asyncio.run(go())


def test_a_new_limit_counts_from_the_next_request_on(server: MeteredApp) -> None:
    server.use(100)
    server.start()
    store = KeyStore.open(server.file)

    async def go() -> None:
        async with server.client() as http:
            assert (await http.post("/v1/chat/completions", json=CHAT)).status_code == 429
            store.change("anna", UserLimits(tokens_per_day=200))
            await app_of(server.broker).state.keyring.refresh()
            assert (await http.post("/v1/chat/completions", json=CHAT)).status_code == 200

    asyncio.run(go())
    store.close()


def test_the_status_says_how_much_is_left(server: MeteredApp) -> None:
    server.use(30)
    server.start()

    async def go() -> dict[str, Any]:
        async with server.client() as http:
            await http.post("/v1/chat/completions", json=CHAT)
            limits: dict[str, Any] = (await http.get("/v1/server")).json()["limits"]
            return limits

    limits = asyncio.run(go())
    assert (limits["tokens_per_day"], limits["tokens_left"]) == (100, 61)
    assert 0 < limits["tokens_reset_s"] <= 24 * 3600
