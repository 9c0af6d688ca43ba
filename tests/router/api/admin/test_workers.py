"""Orders to workers over HTTP: who may give them."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from router.app import create_app
from router.http.request_record import RequestRecord
from shared.settings import ServerSettings
from tests.support.router.fake_broker import MODEL, FakeBroker

LOCAL, REMOTE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)


def post(
    path: str,
    client: tuple[str, int] = LOCAL,
    api_key: str = "",
    given: str = "",
    admin: bool | None = None,
    origin: str = "",
) -> tuple[httpx.Response, list[tuple[str, str | None]]]:
    """The response to an order, and the orders that arrived."""
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", api_key=api_key))
    app = create_app(broker)
    if admin is not None:
        from router.api.dependencies import request_record

        app.dependency_overrides[request_record] = lambda: RequestRecord(user="key", key_name="key", admin=admin)

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=client)
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        headers |= {"Origin": origin} if origin else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as http:
            return await http.post(path, headers=headers)

    return asyncio.run(go()), broker.control.orders


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/v1/workers/smollm2/0/drain", ("drain", "smollm2/0")),
        ("/v1/workers/smollm2/0/restart", ("restart", "smollm2/0")),
        ("/v1/workers/restart", ("restart", None)),
    ],
)
def test_without_keys_a_caller_on_this_machine_may_give_orders(path: str, order: tuple[str, str | None]) -> None:
    answer, orders = post(path)
    assert answer.status_code == 202
    assert orders == [order]


@pytest.mark.parametrize("path", ["/v1/workers/smollm2/0/drain", "/v1/workers/restart"])
def test_without_keys_others_may_not(path: str) -> None:
    answer, orders = post(path, client=REMOTE)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")
    assert orders == []


@pytest.mark.parametrize("client", [LOCAL, REMOTE])
def test_only_an_administrators_key_may(client: tuple[str, int]) -> None:
    refused, none = post("/v1/workers/restart", client, "secret", "secret", admin=False)
    assert (refused.status_code, none) == (403, [])
    assert "an administrator's key" in refused.json()["error"]["message"]
    accepted, orders = post("/v1/workers/restart", client, "secret", "secret", admin=True)
    assert (accepted.status_code, orders) == (202, [("restart", None)])


@pytest.mark.parametrize(
    ("client", "given", "status"), [(LOCAL, "secret", 202), (REMOTE, "secret", 403), (LOCAL, "guess", 401)]
)
def test_with_the_shared_key_callers_on_this_machine_may(client: tuple[str, int], given: str, status: int) -> None:
    answer, orders = post("/v1/workers/restart", client, "secret", given)
    assert answer.status_code == status
    assert orders == ([("restart", None)] if status == 202 else [])


def test_other_web_pages_give_no_orders() -> None:
    """The answer tells the origin that would be this server's, as the browser would know it."""
    answer, orders = post("/v1/workers/restart", origin="http://127.0.0.1:8000")
    assert (answer.status_code, orders) == (403, [])
    message = answer.json()["error"]["message"]
    assert message.startswith("Origin: expected none, or this server's own (http://nexa) to control workers, got")
