"""Orders to load and unload models over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from router.app import create_app
from shared.settings import ServerSettings
from tests.support.router.fake_broker import MODEL, FakeBroker

LOCAL, REMOTE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)
BIG = MODEL.model_copy(update={"name": "owner/big", "aliases": ("huge",), "load": "demand"})


def post(path: str, client: tuple[str, int] = LOCAL, **options: Any) -> tuple[httpx.Response, list[tuple[str, str]]]:
    """The response to an order, and the orders that arrived."""
    broker = FakeBroker(settings=ServerSettings(models=(MODEL, BIG), run_folder=""), **options)
    app = create_app(broker)

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as http:
            return await http.post(path)

    return asyncio.run(go()), broker.residency.orders


@pytest.mark.parametrize("name", ["owner/big", "huge"])
def test_a_model_is_loaded_by_its_name_or_an_alias(name: str) -> None:
    answer, orders = post(f"/v1/models/{name}/load")
    assert (answer.status_code, orders) == (202, [("load", "owner/big")])
    assert (answer.json()["id"], answer.json()["state"]) == ("owner/big", "unloaded")


def test_a_model_that_is_loaded_needs_no_order() -> None:
    answer, orders = post("/v1/models/smol/load")
    assert (answer.status_code, answer.json()["state"], orders) == (200, "ready", [])


def test_a_model_is_unloaded() -> None:
    answer, orders = post("/v1/models/huge/unload")
    assert (answer.status_code, orders) == (202, [("unload", "owner/big")])


def test_a_model_of_the_start_is_not_unloaded() -> None:
    answer, orders = post("/v1/models/smol/unload")
    assert (answer.status_code, answer.json()["error"]["code"], orders) == (409, "always_loaded", [])


def test_a_model_that_does_not_fit_is_refused_with_the_reason() -> None:
    answer, orders = post("/v1/models/huge/load", unfit={"owner/big": "it needs 9 GB"})
    assert (answer.status_code, orders) == (503, [])
    assert "it needs 9 GB" in answer.json()["error"]["message"]


@pytest.mark.parametrize("order", ["load", "unload"])
def test_what_is_not_served_is_not_found(order: str) -> None:
    answer, orders = post(f"/v1/models/none/{order}")
    assert (answer.status_code, answer.json()["error"]["code"], orders) == (404, "model_not_found", [])


@pytest.mark.parametrize("order", ["load", "unload"])
def test_others_than_the_operator_may_not(order: str) -> None:
    answer, orders = post(f"/v1/models/huge/{order}", client=REMOTE)
    assert (answer.status_code, orders) == (403, [])
