"""Which web pages may give orders: this server's own, under a name that nobody else can have."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from router.keys.store import KeyStore
from shared.settings import ServerSettings
from tests.support.router.client import app_of
from tests.support.router.fake_broker import MODEL, FakeBroker

LOCAL, REMOTE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)
SAME, PORT = {"Sec-Fetch-Site": "same-origin"}, "http://127.0.0.1:8000"
MACHINE = socket.gethostname().partition(".")[0].lower()


def order(
    headers: dict[str, str] | list[tuple[str, str]],
    client: tuple[str, int] = LOCAL,
    path: str = "/v1/workers/restart",
    **options: Any,
) -> tuple[int, str]:
    """Status and error of an order; whether it was carried out agrees with the status."""
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", **options))

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(broker), client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            return await http.post(path, headers=headers)

    answer = asyncio.run(go())
    assert bool(broker.control.orders) == (answer.status_code == 202)
    return answer.status_code, "" if answer.status_code == 202 else answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "http://localhost:8000"),
        ("LOCALHOST:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("nexa.localhost", "http://nexa.localhost"),
        ("127.0.0.1:80", "http://127.0.0.1"),
        (f"{MACHINE}:8000", f"http://{MACHINE}:8000"),
        (f"{MACHINE}.local:8000", f"http://{MACHINE}.local:8000"),
    ],
)
@pytest.mark.parametrize("site", [{}, SAME])
def test_a_page_of_this_server_may(host: str, origin: str, site: dict[str, str]) -> None:
    """Browsers leave out ``Sec-Fetch-Site`` where they do not trust the connection."""
    assert order({"Host": host, "Origin": origin, **site}) == (202, "")


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:3000",  # another program on this machine: the same site, another origin
        "http://localhost:8000",  # another name: not the one that the request came by
        "http://127.0.0.1",
        "https://127.0.0.1:8000",
        "https://evil.example",
        "null",
        "",
        "http://127.0.0.1:8000.evil.example",
        "http://evil.example/127.0.0.1:8000",
        "http://127.0.0.1:8000@evil.example",
        "http://[::1",
        "http://127.0.0.1:99999",
        "file://",
        "chrome-extension://abc",
    ],
)
@pytest.mark.parametrize("site", [{}, SAME])
def test_any_other_page_may_not(origin: str, site: dict[str, str]) -> None:
    status, message = order({"Origin": origin, **site})
    assert status == 403
    assert message.startswith(
        f"Origin: expected none, or this server's own ({PORT}) to control workers, got {origin!r}"
    )


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "something new"])
@pytest.mark.parametrize("origin", [{}, {"Origin": PORT}])
def test_what_the_browser_says_of_the_site_counts(site: str, origin: dict[str, str]) -> None:
    assert order({"Sec-Fetch-Site": site, **origin})[0] == 403


def test_a_request_that_the_browser_says_is_another_sites_is_told_so() -> None:
    assert order({"Sec-Fetch-Site": "same-site"}) == (
        403,
        "Sec-Fetch-Site: expected same-origin to control workers, got 'same-site'",
    )


def test_programs_send_neither() -> None:
    assert order({}) == (202, "")
    assert order({"Sec-Fetch-Site": "none"}) == (202, "")


def test_two_origins_are_none() -> None:
    assert order([("Origin", PORT), ("Origin", PORT)])[0] == 403


@pytest.mark.parametrize("options", [{"host": "0.0.0.0", "insecure": True}, {}])
@pytest.mark.parametrize("site", [{}, SAME])
def test_a_name_that_an_attacker_lets_mean_this_machine_is_not_this_server(
    options: dict[str, Any], site: dict[str, str]
) -> None:
    """DNS rebinding: ``Host`` and ``Origin`` agree, and the browser runs on the server's machine."""
    assert order({"Host": "evil.example:8000", "Origin": "http://evil.example:8000", **site}, **options)[0] == 403


def test_a_name_that_the_operator_has_given_is_this_servers() -> None:
    asked = {"Host": "ai.example:8000", "Origin": "http://ai.example:8000"}
    assert order(asked)[0] == 403
    assert order(asked, allowed_hosts=("ai.example",)) == (202, "")


def test_the_public_url_is_this_servers_origin_whatever_the_proxy_sends_on() -> None:
    asked = {"Origin": "https://ai.example"}
    assert order(asked)[0] == 403
    assert order(asked, public_url="https://ai.example/nexa") == (202, "")
    assert order({"Origin": "http://ai.example"}, public_url="https://ai.example/nexa")[0] == 403


def test_a_proxys_word_counts_if_it_is_trusted() -> None:
    asked = {
        "Origin": "https://ai.example",
        "X-Forwarded-Host": "ai.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "127.0.0.1",
    }
    assert order(asked)[0] == 403
    trusted: dict[str, Any] = {"trusted_proxies": ("127.0.0.1",), "allowed_hosts": ("ai.example",)}
    assert order(asked, **trusted) == (202, "")
    assert order(asked | {"X-Forwarded-For": "203.0.113.9"}, **trusted)[0] == 403


def test_behind_a_proxy_that_is_not_trusted_nobody_is_the_operator() -> None:
    asked = {"Origin": PORT, "X-Forwarded-For": "203.0.113.9"}
    assert order(asked) == (403, "only the operator may control workers: expected a request from the server's machine")


def test_a_page_on_another_machine_may_not_without_a_key() -> None:
    assert order({"Host": "192.168.1.5:8000", "Origin": "http://192.168.1.5:8000"}, REMOTE)[0] == 403


@pytest.mark.parametrize("host", ["nas.example:8000", "192.168.1.5:8000"])
def test_with_an_administrators_key_the_page_may_from_anywhere_by_any_name(host: str, tmp_path: Any) -> None:
    """A page of others has no key: the browser sends none by itself."""
    file = tmp_path / "keys.sqlite3"
    store = KeyStore.open(file)
    admin, user = store.create("boss", admin=True), store.create("anna")
    store.close()
    asked = {"Host": host, "Origin": f"http://{host}"}
    options = {"host": "0.0.0.0", "key_file": str(file)}
    assert order({**asked, "Authorization": f"Bearer {admin}"}, REMOTE, **options) == (202, "")
    assert order({**asked, "Authorization": f"Bearer {user}"}, REMOTE, **options)[0] == 403
    assert order(asked, REMOTE, **options)[0] == 401
    foreign = {"Host": host, "Origin": "https://evil.example", "Authorization": f"Bearer {admin}"}
    assert order(foreign, REMOTE, **options)[0] == 403
    assert order({**asked, "Authorization": f"Bearer {admin}"}, REMOTE, **options, insecure=True) == (202, "")


def test_origins_that_may_use_the_api_may_not_control_workers() -> None:
    asked = {"Origin": "https://chat.example", "Sec-Fetch-Site": "cross-site"}
    assert order(asked, cors_origins=("https://chat.example",))[0] == 403


def test_the_admin_socket_means_that_no_page_may() -> None:
    status, message = order({"Origin": PORT, **SAME}, admin_socket=True)
    assert status == 403
    assert message.startswith("only the user who runs the server may control workers (--admin-socket)")


@pytest.mark.parametrize(
    ("headers", "options", "control"),
    [
        (SAME, {}, True),
        ({}, {}, True),
        ({"Sec-Fetch-Site": "cross-site"}, {}, False),
        ({"Host": "evil.example"}, {"host": "0.0.0.0", "insecure": True}, False),
        (SAME, {"admin_socket": True}, False),
    ],
)
def test_a_page_is_told_whether_it_may(headers: dict[str, str], options: dict[str, Any], control: bool) -> None:
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", **options))

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(broker), client=LOCAL)
        async with httpx.AsyncClient(transport=transport, base_url=PORT) as http:
            return await http.get("/v1/server", headers=headers)

    caller = asyncio.run(go()).json()["caller"]
    assert (caller["operator"], caller["control"]) == (True, control)
