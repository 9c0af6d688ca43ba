"""A server that serves every model of the machine: what is fetched and deleted while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import router.models.watch
import shared.discovery.discovery
from router.jobs.job import Job, JobRequest
from router.models.watch import ModelWatch
from shared.discovery.served import DiscoveredModels
from shared.hub.store import ModelStore
from shared.settings import ServerSettings
from shared.wire.jobs import TextJob
from tests.support.clients.ollama_lines import lines_of
from tests.support.models.foreign_stores import ollama_model, write_old
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, serve_hub
from tests.support.router.client import app_of, ask, post
from tests.support.router.fake_broker import MODEL, FakeBroker

GGUF = build_gguf(tensors=[("t", (64, 64))])
TINY = "hf:owner/tiny"


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A hub, an empty store, a home folder without other programs' models, and no Python packages with models."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(shared.discovery.discovery, "join_packages", lambda store, problem: None)
    monkeypatch.setattr(shared.discovery.discovery, "packaged_sightings", lambda: iter(()))
    with serve_hub(owner__tiny=FakeRepo({"tiny-Q4_K_M.gguf": GGUF})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield


def serving_all(**settings: Any) -> FakeBroker:
    return FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", all_models=True, **settings))


def served(broker: FakeBroker) -> list[str]:
    return [model.name for model in broker.models]


def name_of(broker: FakeBroker) -> str:
    """The name of the model that was fetched."""
    (name,) = (model.name for model in broker.models if model.source == "nexa")
    return name


def delete(broker: FakeBroker, name: str) -> Any:
    return ask(broker, "DELETE", f"/v1/models/{name}")


def test_a_fetched_model_is_served_when_its_fetching_says_done() -> None:
    broker = serving_all()
    events = post(broker, "/v1/models/pull", {"model": TINY}).text
    assert '"state":"done"' in events
    assert '"serve":null' in events
    assert len(served(broker)) == 2


def test_ollamas_clients_are_told_that_it_is_served() -> None:
    lines = lines_of(post(serving_all(), "/api/pull", {"model": TINY}).text)
    assert [line["status"] for line in lines][-2:] == ["hf:owner/tiny is served now", "success"]


def test_a_router_that_starts_has_looked_before_it_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_old(tmp_path / "folder" / "mine.gguf", GGUF)
    broker = serving_all(model_folders=(str(tmp_path / "folder"),))
    looking, may_end = threading.Event(), threading.Event()
    refresh = DiscoveredModels.refresh

    def slow(discovered: DiscoveredModels) -> Any:
        looking.set()
        may_end.wait(30)
        return refresh(discovered)

    monkeypatch.setattr(DiscoveredModels, "refresh", slow)

    async def go() -> None:
        app = app_of(broker)
        async with asyncio.timeout(30), contextlib.AsyncExitStack() as stack:
            starting = asyncio.create_task(stack.enter_async_context(app.router.lifespan_context(app)))
            await asyncio.to_thread(looking.wait, 30)
            assert not starting.done()
            may_end.set()
            await starting
            assert "mine" in served(broker)

    asyncio.run(go())


def test_a_look_that_takes_too_long_does_not_keep_a_router_from_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.models.watch, "FIRST_LOOK_S", 0.01)

    async def go() -> None:
        async with asyncio.timeout(30):
            await ModelWatch(serving_all()).wait_looked()  # nobody looks

    asyncio.run(go())


def test_what_another_process_fetches_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.models.watch, "LOOK_INTERVAL_S", 600.0)
    monkeypatch.setattr(router.models.watch, "GLANCE_INTERVAL_S", 0.01)

    async def go() -> None:
        broker = serving_all()
        watching = asyncio.create_task(ModelWatch(broker).run())
        async with asyncio.timeout(30):
            await asyncio.to_thread(ModelStore().pull, TINY)
            while len(served(broker)) < 2:  # noqa: ASYNC110 - the watch brings it about
                await asyncio.sleep(0.01)
            await asyncio.to_thread(ModelStore().remove, TINY)
            while len(served(broker)) > 1:  # noqa: ASYNC110 - the watch brings it about
                await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(go())


def test_a_fetched_model_that_is_served_on_demand_is_unloaded_and_deleted(tmp_path: Path) -> None:
    broker = serving_all()
    post(broker, "/v1/models/pull", {"model": TINY})
    name = name_of(broker)
    assert delete(broker, name).json() == {"id": name, "object": "model", "deleted": True}
    assert broker.residency.orders == [("unload", name)]
    assert served(broker) == ["smol"]
    assert ModelStore().installed() == []
    assert delete(broker, name).status_code == 404


def test_one_with_requests_is_not_deleted() -> None:
    broker = serving_all()
    post(broker, "/v1/models/pull", {"model": TINY})
    name = name_of(broker)
    broker.jobs.append(Job("job", JobRequest("request", "user", name, TextJob(prompt="Once"))))
    refused = delete(broker, name)
    assert refused.status_code == 409
    assert f"expected one without requests, got '{name}', which has 1" in refused.json()["error"]["message"]
    assert len(ModelStore().installed()) == 1
    assert name in served(broker)


def test_files_of_other_programs_are_never_deleted(tmp_path: Path) -> None:
    store, folder = tmp_path / "home" / ".ollama" / "models", tmp_path / "folder"
    ollama_model(store, "registry.ollama.ai/library/story/7b", {"model": GGUF})
    mine = write_old(folder / "mine.gguf", build_gguf(tensors=[("u", (64, 64))]))
    broker = serving_all(model_folders=(str(folder),))
    post(broker, "/v1/models/pull", {"model": TINY})  # looks
    assert {"story:7b", "mine"} < set(served(broker))
    theirs = delete(broker, "story:7b")
    assert theirs.status_code == 409
    assert theirs.json()["error"]["message"].endswith("there, it is deleted with: ollama rm story:7b")
    assert delete(broker, "mine").status_code == 409
    assert ask(broker, "DELETE", "/api/delete", json={"model": "mine"}).status_code == 409
    assert mine.exists()
    assert len(list((store / "blobs").iterdir())) == 1
    assert {"story:7b", "mine"} < set(served(broker))


def test_a_model_that_was_named_is_not_deleted() -> None:
    refused = delete(serving_all(), "smol")
    assert refused.status_code == 409
    assert "which is served as smol" in refused.json()["error"]["message"]
