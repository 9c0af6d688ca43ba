"""``GET /v1/server``: what a page learns of the server."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.jobs.limits import Priority, UserLimits
from router.jobs.lines import UserShare
from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import UnloadCause
from router.jobs.served import ServedModel
from router.jobs.workers.rows import WorkerRow
from router.keys.store import KeyStore
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.supervision import DeviceBudget
from tests.support.router.client import app_of
from tests.support.router.fake_broker import MODEL, ROW, FakeBroker

LOCAL, REMOTE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)
SHARES = [UserShare("smol", "192.168.1.7", 1, 2), UserShare("smol", "anna", 3, 4)]


class StagedBroker(FakeBroker):
    """Its one model's workers are those of ``rows``."""

    rows: tuple[WorkerRow, ...] = (ROW,)

    def workers(self) -> list[WorkerRow]:
        return list(self.rows)


def shown(broker: FakeBroker, client: tuple[str, int] = LOCAL, **headers: str) -> dict[str, Any]:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(broker), client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.get("/v1/server", headers=headers)

    answer = asyncio.run(go())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def with_rows(*changes: dict[str, Any], missing: str = "") -> dict[str, Any]:
    """The status of the model whose workers differ from a ready one by these changes."""
    broker = StagedBroker(missing={"smol": missing} if missing else {})
    broker.rows = tuple(dataclasses.replace(ROW, **change) for change in changes)
    (model,) = shown(broker)["models"]
    found: dict[str, Any] = model
    return found


def test_a_ready_model_is_told_with_its_load() -> None:
    broker = FakeBroker(shares=SHARES)
    assert shown(broker)["models"] == [
        {
            "id": "smol",
            "aliases": ["gpt-4o", "small"],
            "kinds": ["text"],
            "inputs": ["text"],
            "outputs": ["text"],
            "state": "ready",
            "progress": None,
            "detail": "",
            "load": "start",
            "pin": False,
            "devices": ["cuda:0"],
            "loaded_at": None,
            "memory_bytes": None,
            "measured_memory_bytes": None,
            "unload_reason": None,
            "unloads_in_s": None,
            "retry_in_s": None,
            "thinks": False,
            "context_length": 2048,
            "max_image_side": None,
            "translates": False,
            "workers": 1,
            "ready_workers": 1,
            "slots": 16,
            "running": 3,
            "waiting": 4 + 2,
            "tokens_per_s": 70.5,
        }
    ]


@pytest.mark.parametrize("thinks", [True, False])
def test_whether_a_model_thinks_is_what_its_workers_have_told(thinks: bool) -> None:
    class OneModel(FakeBroker):
        def served_models(self) -> list[ServedModel]:
            return [ServedModel("smol", (JobKind.TEXT,), (), 0, True, thinks=thinks)]

    (model,) = shown(OneModel())["models"]
    assert model["thinks"] is thinks


def test_what_several_workers_do_is_added_up_and_only_ready_ones_have_slots() -> None:
    model = with_rows({}, {"name": "smol-1"}, {"name": "smol-2", "state": "draining", "running": 1, "queued": 0})
    assert (model["workers"], model["ready_workers"], model["slots"]) == (3, 2, 32)
    assert (model["running"], model["waiting"], model["tokens_per_s"]) == (7, 4, 211.5)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], "loading"),
        (["spawning"], "loading"),
        (["exited", "failed"], "loading"),
        (["failed", "ready"], "ready"),
        (["drained", "draining"], "draining"),
        (["failed", "drained"], "drained"),
        (["failed"], "failed"),
        (["unloaded"], "unloaded"),
        (["unloaded", "failed"], "unloaded"),
        (["unloaded", "loading"], "loading"),
    ],
)
def test_a_model_is_as_good_as_its_best_worker(states: list[str], state: str) -> None:
    model = with_rows(*({"name": f"smol-{at}", "state": one} for at, one in enumerate(states)))
    assert model["state"] == state


def test_a_loading_model_tells_the_progress_of_the_worker_that_is_furthest() -> None:
    loading = with_rows({"state": "loading", "loading": 0.25}, {"state": "loading", "loading": 0.5}, missing="loads")
    assert (loading["progress"], loading["detail"]) == (0.5, "loads")


@pytest.mark.parametrize("row", [{"state": "loading", "loading": 0.0}, {"state": "spawning", "loading": 0.0}])
def test_progress_that_nobody_has_told_is_null(row: dict[str, Any]) -> None:
    assert with_rows(row)["progress"] is None


def test_a_failed_model_says_why() -> None:
    failed = with_rows({"state": "failed"}, missing="smol-0 failed (no such tensor)")
    assert (failed["state"], failed["detail"]) == ("failed", "smol-0 failed (no such tensor)")


def on_demand(**options: Any) -> dict[str, Any]:
    """The status of a model on demand without workers."""
    model = MODEL.model_copy(update={"load": "demand"})
    broker = StagedBroker(settings=ServerSettings(models=(model,), run_folder=""), **options)
    broker.rows = ()
    broker.residency.needs["smol"] = ModelNeeds((({"cuda:0": 700, "cpu": 100}, model), ({"cpu": 900}, model)), 1.0)
    (found,) = shown(broker)["models"]
    return dict(found)


def test_a_model_on_demand_without_a_worker_is_unloaded_and_tells_what_it_needs() -> None:
    model = on_demand()
    assert (model["state"], model["detail"], model["memory_bytes"]) == ("unloaded", "", 800)


def test_a_loaded_model_tells_where_since_when_with_how_much_memory_and_for_how_long() -> None:
    model = MODEL.model_copy(update={"load": "demand"})
    broker = StagedBroker(settings=ServerSettings(models=(model,), run_folder=""))
    first = dataclasses.replace(
        ROW, loaded_at=1700, planned_memory_bytes={"cpu": 9, "cuda:0": 90}, measured_memory_bytes={"cuda:0": 80}
    )
    broker.rows = (first, dataclasses.replace(first, name="smol-1", device="cuda:1,cuda:0", loaded_at=1600))
    (found,) = shown(broker)["models"]
    assert (found["devices"], found["loaded_at"], found["unloads_in_s"]) == (["cuda:0", "cuda:1"], 1600, 60.0)
    assert (found["load"], found["memory_bytes"], found["measured_memory_bytes"]) == ("demand", 99, 160)


def test_a_model_that_has_left_says_why_and_when_a_failed_load_is_tried_again() -> None:
    model = MODEL.model_copy(update={"load": "demand"})
    broker = StagedBroker(settings=ServerSettings(models=(model,), run_folder=""))
    broker.rows = (dataclasses.replace(ROW, state="unloaded", pid=None, device=None),)
    broker.residency.record.unload("smol", UnloadCause.IDLE)
    broker.residency.failures["smol"] = "its file is damaged"
    (found,) = shown(broker)["models"]
    assert (found["state"], found["unload_reason"], found["detail"]) == ("unloaded", "idle", "its file is damaged")
    assert (found["retry_in_s"], found["unloads_in_s"], found["devices"]) == (10.0, None, [])


def test_the_memory_of_devices_is_told_with_what_models_take_of_it() -> None:
    broker = StagedBroker(budgets=(DeviceBudget("cpu", 500, 1000), DeviceBudget("cuda:0", 90, 100)))
    row = dataclasses.replace(ROW, planned_memory_bytes={"cpu": 200, "cuda:0": 60}, measured_memory_bytes={"cpu": 150})
    broker.rows = (row, dataclasses.replace(row, name="smol-1"))
    assert shown(broker)["memory"] == [
        {"device": "cpu", "budget_bytes": 500, "total_bytes": 1000, "planned_bytes": 400, "measured_bytes": 300},
        {"device": "cuda:0", "budget_bytes": 90, "total_bytes": 100, "planned_bytes": 120, "measured_bytes": 0},
    ]


def test_a_model_that_does_not_fit_has_failed_and_says_why() -> None:
    model = on_demand(unfit={"smol": "smol needs about 9 GB, and the budget is 1 GB"})
    assert (model["state"], model["detail"]) == ("failed", "smol needs about 9 GB, and the budget is 1 GB")


@pytest.mark.parametrize(
    ("kinds", "inputs", "outputs", "side"),
    [
        ((JobKind.TEXT, JobKind.EMBEDDING), ["text"], ["text", "vector"], None),
        ((JobKind.IMAGE,), ["text", "image"], ["image"], 768),
        ((JobKind.SPEECH,), ["audio"], ["text"], None),
        ((JobKind.RERANK,), ["text"], ["score"], None),
    ],
)
def test_what_a_model_takes_and_gives_follows_from_its_kinds(
    kinds: tuple[JobKind, ...], inputs: list[str], outputs: list[str], side: int | None
) -> None:
    class OneModel(FakeBroker):
        def served_models(self) -> list[ServedModel]:
            return [ServedModel("smol", kinds, (), 0, True, translates=JobKind.SPEECH in kinds)]

    options = MODEL.model_copy(update={"kinds": kinds, "max_image_side": 768})
    (model,) = shown(OneModel(settings=ServerSettings(models=(options,), run_folder="")))["models"]
    assert (model["inputs"], model["outputs"], model["max_image_side"]) == (inputs, outputs, side)
    assert model["context_length"] is None
    assert model["translates"] is (JobKind.SPEECH in kinds)


def test_chat_models_come_first() -> None:
    class TwoModels(FakeBroker):
        def served_models(self) -> list[ServedModel]:
            return [ServedModel(model.name, model.kinds, (), 0, True) for model in self.settings.models]

    speech = ModelSettings(name="ear", kinds=(JobKind.SPEECH,), engine="echo", path="")
    broker = TwoModels(settings=ServerSettings(models=(speech, MODEL), run_folder=""))
    assert [model["id"] for model in shown(broker)["models"]] == ["smol", "ear"]


def test_the_operator_sees_who_waits_and_others_only_themselves() -> None:
    broker = FakeBroker(shares=SHARES)
    assert shown(broker)["queues"] == [
        {"model": "smol", "user": "192.168.1.7", "waiting": 1, "running": 2},
        {"model": "smol", "user": "anna", "waiting": 3, "running": 4},
    ]
    assert [share["user"] for share in shown(broker, REMOTE)["queues"]] == ["192.168.1.7"]


def test_without_keys_a_caller_on_this_machine_is_the_operator() -> None:
    caller = {"key": None, "user": "127.0.0.1", "operator": True, "control": True}
    assert shown(FakeBroker())["caller"] == caller
    remote = {"key": None, "user": "192.168.1.7", "operator": False, "control": False}
    assert shown(FakeBroker(), REMOTE)["caller"] == remote


def test_with_the_admin_socket_no_page_controls() -> None:
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", admin_socket=True))
    caller = shown(broker)["caller"]
    assert (caller["operator"], caller["control"]) == (True, False)


def test_a_key_tells_its_name_and_its_own_limits(tmp_path: Path) -> None:
    file = tmp_path / "keys.sqlite3"
    store = KeyStore.open(file)
    key = store.create("anna", UserLimits(4, 20, Priority.INTERACTIVE))
    boss = store.create("boss", admin=True)
    store.close()
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", key_file=str(file)))
    anna = shown(broker, REMOTE, Authorization=f"Bearer {key}")
    assert anna["caller"] == {"key": "anna", "user": "anna", "operator": False, "control": False}
    assert (anna["limits"]["max_running"], anna["limits"]["max_queued"]) == (4, 20)
    admin = shown(broker, REMOTE, Authorization=f"Bearer {boss}")
    assert admin["caller"] == {"key": "boss", "user": "boss", "operator": True, "control": True}
    assert (admin["limits"]["max_running"], admin["limits"]["max_queued"], admin["needs_key"]) == (None, 256, True)


def test_limits_are_those_of_the_options() -> None:
    settings = ServerSettings(
        models=(MODEL,), run_folder="", max_upload_bytes=7, max_body_bytes=6, max_text_bytes=5, max_timeout_s=4
    )
    limits = shown(FakeBroker(settings=settings))["limits"]
    assert limits | {"max_upload_bytes": 7, "max_body_bytes": 6, "max_text_bytes": 5, "max_timeout_s": 4.0} == limits


@pytest.mark.parametrize(("options", "https"), [({}, False), ({"ssl_certfile": "cert.pem"}, True)])
def test_https_is_told(options: dict[str, str], https: bool) -> None:
    found = shown(FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", **options)))
    assert (found["https"], found["ca"], found["needs_key"]) == (https, False, False)


def test_the_answer_is_kept_by_nobody() -> None:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(FakeBroker()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.get("/v1/server")

    assert asyncio.run(go()).headers["cache-control"] == "no-store"
