"""Fetching, deleting and naming models over Ollama's API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.types import Message

from router.api.ollama.pulling import PullLines, PullStream
from router.models.copies import CopiedNames
from router.models.pulling import Pulls, PullStopped
from router.models.service import ModelService, PullRequested
from router.schemas.errors import ApiError
from shared.engines.files import HubFile
from shared.hub.pull_progress import PullProgress
from shared.models.resolution import ResolvedModel
from shared.settings import ServerSettings
from tests.support.clients.ollama_lines import lines_of
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub
from tests.support.router.client import app_of, ask, post
from tests.support.router.fake_broker import MODEL, FakeBroker

GGUF = build_gguf(tensors=[("t", (512, 512))])
TINY = "hf.co/owner/tiny:latest"


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub(owner__tiny=FakeRepo({"tiny-Q4_K_M.gguf": GGUF})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
        yield server


def ask_from(broker: FakeBroker, address: str, method: str, path: str, body: Any, **headers: str) -> httpx.Response:
    """A request from another address."""

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(broker), client=(address, 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as client:
            return await client.request(method, path, json=body, headers=headers)

    return asyncio.run(go())


def delete(broker: FakeBroker, name: str) -> httpx.Response:
    return ask(broker, "DELETE", "/api/delete", json={"model": name})


def test_a_model_is_fetched_in_ollamas_lines(hub: HubServer) -> None:
    lines = lines_of(post(FakeBroker(), "/api/pull", {"model": TINY}).text)
    assert lines[0] == {"status": "pulling manifest"}
    files = [line for line in lines if "digest" in line]
    assert files[-1]["total"] == files[-1]["completed"] == len(GGUF)
    assert files[-1]["status"] == f"pulling {files[-1]['digest'][7:19]}"
    assert [line["status"] for line in lines if "digest" not in line] == [
        "pulling manifest",
        "verifying sha256 digest",
        "writing manifest",
        "hf:owner/tiny is kept on this machine, and not served yet; to serve it: nexa server smol hf:owner/tiny",
        "success",
    ]


def test_without_a_stream_the_end_is_answered(hub: HubServer) -> None:
    answer = post(FakeBroker(), "/api/pull", {"name": TINY, "stream": False})
    assert answer.json() == {"status": "success"}
    assert answer.headers["x-nexa-warning"].endswith("nexa server smol hf:owner/tiny")


def test_a_model_that_is_here_is_not_fetched_again(hub: HubServer) -> None:
    broker = FakeBroker()
    post(broker, "/api/pull", {"model": TINY})
    asked = len(hub.requests)
    assert lines_of(post(broker, "/api/pull", {"model": TINY}).text)[-1] == {"status": "success"}
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("qwen3:7b", 404, "model: expected a name of the catalog, got 'qwen3:7b'"),
        ("hf:x", 404, "model: expected hf:owner/repo[:file-pattern], got 'hf:x'"),
        ("", 400, "model is required"),
    ],
)
def test_a_wrong_name_is_refused_before_the_stream(name: str, status: int, message: str) -> None:
    answer = post(FakeBroker(), "/api/pull", {"model": name})
    assert answer.status_code == status
    assert answer.json()["error"].startswith(message)


def test_what_the_hub_refuses_is_the_last_line(hub: HubServer) -> None:
    *_, last = lines_of(post(FakeBroker(), "/api/pull", {"model": "hf.co/owner/other"}).text)
    assert last["error"].startswith(f"the hub at {hub.url} has no model owner/other")
    whole = post(FakeBroker(), "/api/pull", {"model": "hf.co/owner/other", "stream": False})
    assert (whole.status_code, whole.json()) == (500, last)


def test_a_fetched_model_is_deleted() -> None:
    broker = FakeBroker()
    post(broker, "/api/pull", {"model": TINY})
    missing = post(broker, "/api/show", {"model": "hf.co/owner/tiny"})
    assert missing.json()["error"].endswith("it is on this machine, to serve it: nexa server smol hf.co/owner/tiny")
    assert delete(broker, TINY).status_code == 200
    again = delete(broker, TINY)
    assert (again.status_code, again.json()) == (404, {"error": f"model '{TINY}' not found; served: smol"})


def test_a_served_model_is_not_deleted(tmp_path: Path) -> None:
    post(FakeBroker(), "/api/pull", {"model": TINY})
    (file,) = (tmp_path / "models").rglob("*.gguf")
    served = MODEL.model_copy(update={"path": str(file)})
    broker = FakeBroker(settings=ServerSettings(models=(served,), run_folder=""))
    for name in ("smol:latest", "small", TINY):
        refused = delete(broker, name)
        assert refused.status_code == 409
        assert f"got '{name}', which is served as smol" in refused.json()["error"]
    assert file.exists()


def test_a_copy_is_a_name_for_every_api_until_it_is_deleted() -> None:
    broker = FakeBroker()
    assert post(broker, "/api/copy", {"source": "smol", "destination": "mine:latest"}).status_code == 200
    assert broker.find_model("mine", MODEL.kinds[0]).name == "smol"
    assert post(broker, "/api/show", {"model": "mine"}).status_code == 200
    assert delete(broker, "mine").status_code == 200
    assert post(broker, "/api/show", {"model": "mine"}).status_code == 404


def test_copies_are_known_to_the_next_router(tmp_path: Path) -> None:
    settings = ServerSettings(models=(MODEL,), run_folder="", state_folder=str(tmp_path))
    post(FakeBroker(settings=settings), "/api/copy", {"source": "small", "destination": "ns/mine:v1"})
    rows = ask(FakeBroker(settings=settings), "GET", "/api/tags").json()["models"]
    assert [row["name"] for row in rows] == ["smol:latest", "gpt-4o:latest", "small:latest", "ns/mine:v1"]


@pytest.mark.parametrize(
    ("source", "destination", "status", "message"),
    [
        ("large", "mine", 404, "model 'large' not found; served: smol"),
        ("smol", "no name", 400, "destination: expected letters, digits, _, - and ., with / and : between them"),
        ("", "mine", 400, "source: expected "),
    ],
)
def test_a_wrong_copy_is_refused(source: str, destination: str, status: int, message: str) -> None:
    answer = post(FakeBroker(), "/api/copy", {"source": source, "destination": destination})
    assert answer.status_code == status
    assert answer.json()["error"].startswith(message)


def test_the_name_of_another_model_is_not_taken() -> None:
    other = MODEL.model_copy(update={"name": "other", "aliases": ()})
    broker = FakeBroker(settings=ServerSettings(models=(MODEL, other), run_folder=""))
    answer = post(broker, "/api/copy", {"source": "smol", "destination": "other"})
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": "destination: expected a name that no served model has, got 'other'"},
    )
    assert post(broker, "/api/copy", {"source": "smol", "destination": "smol"}).status_code == 200


def test_deleting_a_model_that_nobody_knows_is_a_404() -> None:
    answer = delete(FakeBroker(), "nobody-knows")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("model 'nobody-knows' not found; served: ")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/pull", {"model": TINY}),
        ("DELETE", "/api/delete", {"model": "smol"}),
        ("POST", "/api/copy", {"source": "smol", "destination": "mine"}),
    ],
)
def test_only_the_operator_manages_models(method: str, path: str, body: Any) -> None:
    broker = FakeBroker()
    elsewhere = ask_from(broker, "192.168.1.7", method, path, body)
    assert (elsewhere.status_code, elsewhere.json()) == (
        403,
        {"error": "only the operator may manage models: expected a request from the server's machine"},
    )
    page = ask_from(broker, "127.0.0.1", method, path, body, Origin="https://evil.example")
    assert page.status_code == 403
    expected = (
        "Origin: expected none, or this server's own (http://nexa), or one that --cors-origin allows, to manage models"
    )
    assert page.json()["error"].startswith(expected)
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", admin_socket=True))
    assert ask_from(broker, "127.0.0.1", method, path, body).status_code == 403


def test_a_full_disk_and_a_missing_network_are_named(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.hub.client.shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    *_, last = lines_of(post(FakeBroker(), "/api/pull", {"model": TINY}).text)
    assert last["error"].startswith("not enough disk space for tiny-Q4_K_M.gguf: expected ")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    *_, last = lines_of(post(FakeBroker(), "/api/pull", {"model": TINY}).text)
    assert last["error"].startswith("owner/tiny: cannot reach the hub at http://127.0.0.1:1: ")


@pytest.mark.parametrize(("error", "status"), [(OSError(28, "No space left on device"), 507), (OSError(5, "I/O"), 500)])
def test_a_disk_that_fails_is_named(error: OSError, status: int) -> None:
    async def go() -> None:
        pull = Pulls().get("m", lambda progress: _fail(error))
        lines = PullLines(ModelService(FakeBroker(), CopiedNames(None)), PullRequested("m", pull))
        with pytest.raises(ApiError, match=rf"^m: cannot be kept: {error.strerror}$") as caught:
            [line async for line in lines.objects()]
        assert caught.value.status == status

    asyncio.run(go())


def test_a_client_that_leaves_stops_the_fetching_unless_others_wait() -> None:
    async def go() -> None:
        going_on = threading.Event()

        def fetch(progress: PullProgress) -> ResolvedModel:
            assert going_on.wait(10)
            progress.start(HubFile("a.gguf", 10), 0)
            raise AssertionError("not stopped")

        pulls = Pulls()
        pull = pulls.get("m", fetch)
        assert pulls.get("m", fetch) is pull
        for running in (True, False):
            lines = PullLines(ModelService(FakeBroker(), CopiedNames(None)), PullRequested("m", pull))
            await _leave_at_once(PullStream(lines))
            assert pull.running is running
        going_on.set()
        with pytest.raises(PullStopped):
            [progress async for progress in pull.follow()]

    asyncio.run(asyncio.wait_for(go(), 20))


def _fail(error: OSError) -> ResolvedModel:
    raise error


async def _leave_at_once(stream: PullStream) -> None:
    """Read a stream as a client that leaves."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    await stream({"type": "http"}, receive, send)
