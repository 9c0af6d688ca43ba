"""What ``keep_alive`` does to a model that is loaded on demand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

import router.api.ollama.keeping
from router.api.ollama.listing import NEVER
from router.jobs.workers.rows import WorkerRow
from shared.settings import ServerSettings
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import MODEL, ROW, FakeBroker

ON_DEMAND = MODEL.model_copy(update={"load": "demand"})


def broker_on_demand() -> FakeBroker:
    return FakeBroker(settings=ServerSettings(models=(ON_DEMAND,), run_folder=""))


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


class LoadingBroker(FakeBroker):
    """Its model is ready after some looks, and then ``unfit`` may say that it is not."""

    def __init__(self, looks: float) -> None:
        super().__init__(settings=ServerSettings(models=(ON_DEMAND,), run_folder=""))
        self.looks = looks
        self.trouble: str | None = None

    def workers(self) -> list[WorkerRow]:
        self.looks -= 1
        if self.looks < 3 and self.trouble:
            self.unfit = {"smol": self.trouble}
        return [replace(ROW, state="ready" if self.looks <= 0 and not self.trouble else "loading")]


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.api.ollama.keeping, "LOOK_INTERVAL_S", 0.001)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("path", "body"), [("generate", {}), ("chat", {"messages": []})])
def test_a_request_that_loads_is_answered_when_the_model_is_loaded(path: str, body: dict[str, Any]) -> None:
    broker = LoadingBroker(looks=5)
    answer = post(broker, f"/api/{path}", {"model": "smol", **body})
    assert (answer.status_code, answer.json()["done_reason"]) == (200, "load")
    assert broker.looks <= 0


@pytest.mark.usefixtures("_quick")
def test_a_load_that_fails_is_told() -> None:
    broker = LoadingBroker(looks=5)
    broker.trouble = "its file is damaged"
    answer = post(broker, "/api/generate", {"model": "smol"})
    assert answer.status_code == 503
    assert answer.json()["error"] == "model: no worker can serve 'smol': its file is damaged"
    again = LoadingBroker(looks=5)
    again.unfit = {"smol": "its load has just failed"}
    assert post(again, "/api/generate", {"model": "smol"}).status_code == 503
    assert again.residency.orders == []  # the pause after a failure holds


@pytest.mark.usefixtures("_quick")
def test_a_load_that_is_given_up_or_takes_too_long_is_told() -> None:
    late = post(LoadingBroker(looks=math.inf), "/api/generate", {"model": "smol", "timeout": 0.05})
    assert (late.status_code, late.json()["error"][:44]) == (504, "timeout: smol was still loading after 0.05 s")
    given_up = LoadingBroker(looks=math.inf)
    given_up.residency.coming = False
    answer = post(given_up, "/api/generate", {"model": "smol"})
    assert answer.status_code == 503
    assert answer.json()["error"].endswith("it was unloaded before it was loaded")


def test_an_order_to_unload_a_model_that_is_not_loaded_leaves_nothing_behind() -> None:
    broker = broker_on_demand()
    broker.residency.coming = False
    assert post(broker, "/api/generate", {"model": "smol", "keep_alive": 0}).json()["done_reason"] == "unload"
    assert broker.residency.orders == []


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
