"""What ``keep_alive`` does to a model that is loaded on demand."""

from __future__ import annotations

from typing import Any

import pytest

from router.api.ollama.listing import NEVER
from shared.settings import ServerSettings
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import MODEL, FakeBroker


def broker_on_demand(**changes: Any) -> FakeBroker:
    model = MODEL.model_copy(update={"load": "demand", **changes})
    return FakeBroker(settings=ServerSettings(models=(model,), run_folder=""))


@pytest.mark.parametrize(
    ("keep_alive", "orders"),
    [
        (None, [("load", "smol")]),
        ("5m", [("keep 300 s", "smol"), ("load", "smol")]),
        (-1, [("keep -1 s", "smol"), ("load", "smol")]),
        (0, [("keep 0 s", "smol")]),
    ],
)
def test_a_request_without_a_prompt_loads_or_unloads(keep_alive: Any, orders: list[tuple[str, str]]) -> None:
    broker = broker_on_demand()
    answer = post(broker, "/api/generate", {"model": "smol", "keep_alive": keep_alive})
    assert (answer.status_code, answer.json()["done_reason"]) == (200, "unload" if keep_alive == 0 else "load")
    assert broker.residency.orders == orders
    assert "x-nexa-warning" not in answer.headers


def test_a_request_with_a_prompt_only_sets_the_time() -> None:
    broker = broker_on_demand()
    body = {"model": "smol", "messages": [{"role": "user", "content": "Hi"}], "keep_alive": "1h", "stream": False}
    assert post(broker, "/api/chat", body).status_code == 200
    assert broker.residency.orders == [("keep 3600 s", "smol")]


def test_a_model_of_the_start_takes_no_orders() -> None:
    broker = FakeBroker()
    assert post(broker, "/api/generate", {"model": "smol", "keep_alive": "5m"}).status_code == 200
    assert broker.residency.orders == []


def test_the_list_of_loaded_models_tells_when_one_leaves() -> None:
    (row,) = ask(broker_on_demand(), "GET", "/api/ps").json()["models"]
    assert row["expires_at"] < NEVER
    assert row["expires_at"].endswith("Z")
