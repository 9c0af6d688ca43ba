"""Whose address a request has: only a trusted proxy can say another one than its connection's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from starlette.datastructures import Headers

from router.app import create_app
from router.http.request_record import peer_of
from router.http.senders.client_address import ClientAddress, hops_of
from router.jobs.limits import UNLIMITED
from router.keys.store import StoredKey, user_of
from router.schemas.errors import ApiError
from shared.settings import ServerSettings
from tests.support.router.client import COMPLETION
from tests.support.router.fake_broker import MODEL, FakeBroker, FakeControl

PROXY = "127.0.0.1"


def settled(peer: str, trusted: tuple[str, ...] = (), **headers: str) -> tuple[str, str, bool]:
    """The client's address, the peer's, and whether an untrusted proxy has passed the request on."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "client": (peer, 1), "state": {}, "headers": raw}
    passed_on = ClientAddress(trusted).settle(scope)
    return scope["client"][0], peer_of(scope), passed_on


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.2"])
@pytest.mark.parametrize("header", [{"x_forwarded_for": "bob"}, {"x_forwarded_for": "8.8.8.8"}, {"forwarded": "for=a"}])
def test_nobody_is_believed_by_default(peer: str, header: dict[str, str]) -> None:
    assert settled(peer, (), **header) == (peer, peer, True)


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ({}, PROXY),
        ({"x_forwarded_for": "203.0.113.9"}, "203.0.113.9"),
        ({"x_forwarded_for": "1.1.1.1, 203.0.113.9"}, "203.0.113.9"),
        ({"x_forwarded_for": "1.1.1.1, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"),
        ({"x_forwarded_for": "10.9.9.9, 10.1.2.3"}, "10.9.9.9"),
        ({"x_forwarded_for": "1.1.1.1, bob, 10.1.2.3"}, "10.1.2.3"),
        ({"x_forwarded_for": "bob"}, PROXY),
        ({"x_forwarded_for": ""}, PROXY),
        ({"x_forwarded_for": "203.0.113.9:4711"}, "203.0.113.9"),
        ({"x_forwarded_for": "[2001:db8::1]:4711"}, "2001:db8::1"),
        ({"x_forwarded_for": "2001:DB8::1"}, "2001:db8::1"),
        ({"x_forwarded_for": "::ffff:203.0.113.9"}, "203.0.113.9"),
        ({"forwarded": 'for=1.1.1.1, for="[2001:db8::1]:4711";proto=https'}, "2001:db8::1"),
        ({"forwarded": "proto=https;For=203.0.113.9"}, "203.0.113.9"),
        ({"forwarded": "for=unknown"}, PROXY),
        ({"forwarded": 'for=";for=9.9.9.9"'}, PROXY),
        ({"x_forwarded_for": "203.0.113.9", "forwarded": "for=1.1.1.1"}, "203.0.113.9"),
    ],
)
def test_of_a_trusted_proxys_words_the_last_untrusted_address_counts(header: dict[str, str], client: str) -> None:
    assert settled(PROXY, (PROXY, "10.0.0.0/8"), **header) == (client, PROXY, False)


def test_several_headers_are_one_list() -> None:
    raw = [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"2.2.2.2, 3.3.3.3")]
    assert hops_of(Headers(raw=raw)) == ["1.1.1.1", "2.2.2.2", "3.3.3.3"]


def test_an_ipv4_address_in_ipv6_is_the_same_user() -> None:
    assert settled("::ffff:192.0.2.1")[0] == "192.0.2.1"
    assert settled("::ffff:127.0.0.1", (PROXY,), x_forwarded_for="203.0.113.9")[0] == "203.0.113.9"


@pytest.mark.parametrize(("name", "user"), [("bob", "bob"), ("127.0.0.1", "key:127.0.0.1"), ("local", "key:local")])
def test_a_key_that_is_named_like_an_address_is_another_user(name: str, user: str) -> None:
    assert user_of(StoredKey("id", name, False, UNLIMITED, 0)) == user


def asked(path: Path, headers: dict[str, str], method: str, url: str, **settings: Any) -> tuple[FakeBroker, int]:
    """Ask over a connection from this machine."""
    broker = FakeBroker(ServerSettings(models=(MODEL,), run_folder="", key_file=str(path), **settings))
    app = create_app(broker)

    async def go() -> int:
        transport = httpx.ASGITransport(app=app, client=(PROXY, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            body = COMPLETION if method == "POST" else None
            return (await http.request(method, url, json=body, headers=headers)).status_code

    return broker, asyncio.run(go())


@pytest.mark.parametrize(("trusted", "user"), [((), PROXY), ((PROXY,), "203.0.113.9")])
def test_the_user_of_a_job_is_the_settled_address(tmp_path: Path, trusted: tuple[str, ...], user: str) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9"}
    broker, _ = asked(tmp_path / "k", headers, "POST", "/v1/completions", trusted_proxies=trusted)
    assert [job.request.user for job in broker.jobs] == [user]


@pytest.mark.parametrize(("headers", "status"), [({}, 404), ({"X-Forwarded-For": "127.0.0.1"}, 403)])
def test_what_a_proxy_passes_on_is_not_from_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], status: int
) -> None:
    """Else everybody behind a proxy on this machine could control its workers."""

    def drain(control: FakeControl, name: str) -> NoReturn:
        raise ApiError(404, f"no worker {name}")

    monkeypatch.setattr(FakeControl, "drain", drain)
    assert asked(tmp_path / "k", headers, "POST", "/v1/workers/smol/0/drain")[1] == status
