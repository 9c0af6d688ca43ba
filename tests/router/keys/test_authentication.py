"""Requests with named keys: their users, limits and permissions, and the usage that they see."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from router.app import create_app
from router.jobs.limits import Priority, UserLimits
from router.keys.store import KeyStore
from router.keys.usage import UsageStore
from shared.settings import ServerSettings
from tests.support.router.client import COMPLETION, ask
from tests.support.router.fake_broker import MODEL, QUEUE_FULL, FakeBroker

REMOTE = ("192.168.1.7", 50000)


class KeyedServer:
    """An application with a key file, and ways to send it requests."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self.store = KeyStore.open(path)
        self.broker = FakeBroker(ServerSettings(models=(MODEL,), run_folder="", key_file=str(path), **settings))
        self.app = create_app(self.broker)

    def ask(
        self, *requests: tuple[str, str, str], client: tuple[str, int] = REMOTE, **body: Any
    ) -> list[httpx.Response]:
        """Send requests (method, path, key) one after the other; ``body`` adds fields to POST bodies."""

        async def go() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.app, client=client)
            await self.app.state.keyring.refresh()
            async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as http:
                answers = []
                for method, path, key in requests:
                    headers = {"Authorization": f"Bearer {key}"} if key else {}
                    json = {**COMPLETION, **body} if method == "POST" else None
                    answers.append(await http.request(method, path, headers=headers, json=json))
                return answers

        return asyncio.run(go())

    def status(self, key: str, method: str = "GET", path: str = "/v1/models") -> int:
        return self.ask((method, path, key))[0].status_code

    def usage(self, key: str, query: str = "", client: tuple[str, int] = REMOTE) -> list[dict[str, Any]]:
        (answer,) = self.ask(("GET", f"/v1/usage{query}", key), client=client)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KeyedServer]:
    made = KeyedServer(tmp_path / "keys")
    yield made
    made.store.close()


def test_a_named_key_sets_the_user_and_the_limits(server: KeyedServer) -> None:
    limits = UserLimits(2, 5, Priority.BATCH)
    key = server.store.create("bob", limits)
    assert server.status(key, "POST", "/v1/completions") == 200
    request = server.broker.jobs[0].request
    assert (request.user, request.limits, request.priority) == ("bob", limits, Priority.BATCH)


def test_creating_and_revoking_keys_takes_effect_with_the_next_look_at_the_file(server: KeyedServer) -> None:
    assert server.status("") == 200
    key = server.store.create("bob")
    assert [server.status(""), server.status("wrong"), server.status(key)] == [401, 401, 200]
    server.store.revoke("bob")
    assert [server.status(""), server.status(key)] == [401, 401]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "Authorization is required: Bearer <key>, with an API key of this server"),
        ("Bearer", "Authorization is required: Bearer <key>, with an API key of this server"),
        ("Bearer x", "Authorization: expected a valid API key of this server, got an unknown or revoked one"),
        ("KEY", "Authorization: expected Bearer <key>, with an API key of this server, got no word Bearer first"),
        ("Basic KEY", "Authorization: expected Bearer <key>, with an API key of this server, got no word Bearer first"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_header(header: str, message: str) -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "KEY"})
    answer = ask(broker, "GET", "/v1/models", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, message)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "KEY"}, 200),
        ({"X-Api-Key": "KEY", "Authorization": "Bearer other"}, 200),
        ({"X-Api-Key": "KEY", "Authorization": "Basic other"}, 200),
        ({"x-api-key": "other", "Authorization": "Bearer KEY"}, 200),
        ({"x-api-key": "other"}, 401),
    ],
)
def test_anthropics_clients_send_the_key_in_a_header_of_their_own(headers: dict[str, str], status: int) -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "KEY"})
    answer = ask(broker, "GET", "/v1/models", headers=headers)
    assert answer.status_code == status
    if status == 401:
        message = "x-api-key: expected a valid API key of this server, got an unknown or revoked one"
        assert answer.json()["error"]["message"] == message


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ("user:KEY", 404),
        (":KEY", 404),
        ("KEY:", 404),
        ("KEY", 404),
        ("user:other", 401),
        ("KEY:other", 401),
        ("", 401),
        ("us\xe9r:\xff", 401),
    ],
)
def test_programs_of_automatic1111_send_the_key_as_a_password(credentials: str, status: int) -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "KEY"})
    encoded = base64.b64encode(credentials.encode("latin-1")).decode()
    headers = {"Authorization": f"Basic {encoded}"}
    assert ask(broker, "GET", "/sdapi/v1/none", headers=headers).status_code == status
    assert ask(broker, "GET", "/v1/models", headers=headers).status_code == 401


def test_a_password_that_is_not_base64_is_no_key() -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "KEY"})
    answer = ask(broker, "GET", "/sdapi/v1/none", headers={"Authorization": "Basic user:KEY"})
    assert answer.status_code == 401


def test_the_shared_key_and_named_keys_work_side_by_side(tmp_path: Path) -> None:
    server = KeyedServer(tmp_path / "keys", api_key="shared")
    key = server.store.create("bob")
    assert [server.status(given) for given in ("shared", key, "other", "")] == [200, 200, 401, 401]


def test_an_insecure_server_accepts_unknown_keys(tmp_path: Path) -> None:
    server = KeyedServer(tmp_path / "keys", insecure=True)
    key = server.store.create("bob")
    server.ask(*[("POST", "/v1/completions", given) for given in ("", "x", key)])
    assert [job.request.user for job in server.broker.jobs] == [REMOTE[0], REMOTE[0], "bob"]


def test_with_keys_required_but_none_created_every_request_is_401(tmp_path: Path) -> None:
    assert KeyedServer(tmp_path / "keys", key_required=True).status("") == 401


def test_only_an_administrators_key_can_restart_workers(server: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    restarted: list[str | None] = []

    def restart(name: str | None) -> list[object]:
        restarted.append(name)
        return []

    control = SimpleNamespace(restart=restart)
    monkeypatch.setattr(server.broker, "control", control, raising=False)
    user, admin = server.store.create("bob"), server.store.create("ann", admin=True)
    orders = [("POST", "/v1/workers/restart", key) for key in (user, admin)]
    assert [answer.status_code for answer in server.ask(*orders)] == [403, 202]
    assert server.ask(orders[0], client=("127.0.0.1", 1))[0].status_code == 403
    assert restarted == [None]


def test_a_user_sees_only_the_usage_of_its_own_key(server: KeyedServer) -> None:
    bob, ann = server.store.create("bob"), server.store.create("ann")
    server.ask(("POST", "/v1/completions", bob), ("POST", "/v1/completions", bob), ("POST", "/v1/completions", ann))
    sums = {"requests": 2, "prompt_tokens": 14, "cached_tokens": 6, "completion_tokens": 4, "images": 0, "audio_s": 0.0}
    assert server.usage(bob) == [{"object": "usage", "key": "bob", "day": None, "model": None, **sums}]
    assert [(row["model"], row["requests"]) for row in server.usage(bob, "?by=model&key=bob")] == [("smol", 2)]
    answer = server.ask(("GET", "/v1/usage?key=ann", bob))[0]
    assert (answer.status_code, answer.json()["error"]["param"]) == (403, "key")


def test_refused_requests_are_not_counted(server: KeyedServer) -> None:
    server.broker.refusal, server.broker.accepts = QUEUE_FULL, 1
    key = server.store.create("bob")
    assert server.ask(("POST", "/v1/completions", key), n=2)[0].status_code == 429
    assert len(server.broker.cancelled) == 1
    assert server.usage(key) == []


def test_an_administrator_sees_all_usage(server: KeyedServer) -> None:
    bob, admin = server.store.create("bob"), server.store.create("root", admin=True)
    server.ask(("POST", "/v1/completions", bob), ("POST", "/v1/completions", admin))
    assert [row["key"] for row in server.usage(admin)] == ["bob", "root"]
    assert [row["key"] for row in server.usage(admin, "?key=bob")] == ["bob"]


def test_without_a_key_one_sees_the_sum_of_all_users_without_keys(server: KeyedServer) -> None:
    server.ask(("POST", "/v1/completions", ""))
    assert [(row["key"], row["requests"]) for row in server.usage("")] == [(None, 1)]
    assert [row["key"] for row in server.usage("", client=("127.0.0.1", 1))] == [None]


@pytest.mark.parametrize(("query", "param"), [("by=year", "by"), ("since=2026-13-01", "since"), ("until=now", "until")])
def test_an_invalid_usage_query_is_400_and_names_the_field(server: KeyedServer, query: str, param: str) -> None:
    answer = server.ask(("GET", f"/v1/usage?{query}", ""))[0]
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_usage_survives_a_restart(tmp_path: Path) -> None:
    server = KeyedServer(tmp_path / "keys")
    key = server.store.create("bob")

    async def live() -> None:
        async with server.app.router.lifespan_context(server.app):
            transport = httpx.ASGITransport(app=server.app, client=REMOTE)
            async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as http:
                await http.post("/v1/completions", json=COMPLETION, headers={"Authorization": f"Bearer {key}"})

    asyncio.run(live())
    store = UsageStore.open(tmp_path / "keys")
    assert [(row.key, row.usage.requests) for row in store.sums()] == [("bob", 1)]
    store.close()
    assert KeyedServer(tmp_path / "keys").usage(key)[0]["requests"] == 1


def test_openapi_marks_the_endpoints_that_need_a_key(tmp_path: Path, server: KeyedServer) -> None:
    def unlocked(app: Any) -> set[str]:
        paths = app.openapi()["paths"]
        return {path for path, methods in paths.items() for method in methods.values() if "security" not in method}

    assert "/v1/completions" in unlocked(server.app)
    assert unlocked(KeyedServer(tmp_path / "other", key_required=True).app) == {"/", "/health", "/nexa-ca.crt"}
