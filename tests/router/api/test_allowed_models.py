"""A key that is limited to some models gets and sees no others, whichever endpoint it asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.jobs.limits import UserLimits
from router.keys.store import KeyStore
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from tests.support.requests.pictures import png
from tests.support.router.client import ask
from tests.support.router.fake_broker import ROW, FakeBroker, words


def model(name: str, *kinds: JobKind, aliases: tuple[str, ...] = ()) -> ModelSettings:
    return ModelSettings(name=name, kinds=kinds, engine="echo", path="", aliases=aliases)


OTHER = "Big-Model"
MODELS = (
    model(OTHER, *JobKind, aliases=("large",)),
    model("chatty", JobKind.TEXT, aliases=("small",)),
    model("vectors", JobKind.EMBEDDING, JobKind.RERANK),
    model("scribe", JobKind.SPEECH),
    model("painter", JobKind.IMAGE),
)
CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
RECORDING = [("file", ("a.wav", b"RIFF", "audio/wav"))]
DOCUMENTS = {"query": "a", "documents": ["b"]}

GENERATING: dict[str, dict[str, Any]] = {
    "/v1/completions": {"json": {"prompt": "a"}},
    "/v1/chat/completions": {"json": CHAT},
    "/v1/function-calling": {"json": {**CHAT, "tools": [{"type": "function", "function": {"name": "f"}}]}},
    "/tokenize": {"json": {"content": "a"}},
    "/v1/tokenize": {"json": {"content": "a"}},
    "/detokenize": {"json": {"tokens": [1]}},
    "/v1/detokenize": {"json": {"tokens": [1]}},
    "/v1/messages": {"json": {**CHAT, "max_tokens": 5}},
    "/v1/messages/count_tokens": {"json": CHAT},
    "/v1/responses": {"json": {"input": "a"}},
    "/v1/responses/input_tokens": {"json": {"input": "a"}},
    "/v1/embeddings": {"json": {"input": "a"}},
    "/rerank": {"json": DOCUMENTS},
    "/v1/rerank": {"json": DOCUMENTS},
    "/v2/rerank": {"json": DOCUMENTS},
    "/v1/audio/transcriptions": {"files": RECORDING, "data": {}},
    "/v1/audio/translations": {"files": RECORDING, "data": {}},
    "/v1/txt2img": {"json": {"prompt": "a"}},
    "/v1/images/generations": {"json": {"prompt": "a"}},
    "/v1/img2img": {"files": [("image", ("a.png", png(), "image/png"))], "data": {"prompt": "a"}},
    "/v1/images/edits": {"files": [("image", ("a.png", png(), "image/png"))], "data": {"prompt": "a"}},
    "/v1/images/upscale": {"files": [("image", ("a.png", png(), "image/png"))], "data": {}},
    "/api/chat": {"json": CHAT},
    "/api/generate": {"json": {"prompt": "a"}},
    "/api/embed": {"json": {"input": "a"}},
    "/api/embeddings": {"json": {"prompt": "a"}},
    "/api/show": {"json": {}},
}
"""A request of each endpoint that uses a model, without its name."""

NOT_ABOUT_A_MODEL = {
    "/sdapi/v1/txt2img": "names the model in a setting",
    "/sdapi/v1/img2img": "names the model in a setting",
    "/sdapi/v1/extra-single-image": "has the first model with the upscaler",
    "/sdapi/v1/extra-batch-images": "has the first model with the upscaler",
    "/sdapi/v1/interrupt": "pictures of the user",
    "/sdapi/v1/options": "settings of the user",
    "/sdapi/v1/png-info": "a picture",
    "/sdapi/v1/skip": "pictures of the user",
    "/v1/batches": "its lines are requests",
    "/v1/batches/{batch_id}/cancel": "a batch of the user",
    "/v1/files": "a file",
    "/v1/keys": "the operator's",
    "/v1/models/pull": "the operator's",
    "/v1/models/{model}/load": "the operator's",
    "/v1/models/{model}/unload": "the operator's",
    "/v1/pulls": "the operator's",
    "/v1/responses/compact": "is not there",
    "/v1/responses/{response_id}/cancel": "an answer of the user",
    "/v1/workers/restart": "the operator's",
    "/v1/workers/{name}/drain": "the operator's",
    "/v1/workers/{name}/restart": "the operator's",
    "/api/copy": "the operator's",
    "/api/pull": "the operator's",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite3"


@pytest.fixture
def broker(file: Path) -> FakeBroker:
    return FakeBroker(settings=ServerSettings(models=MODELS, run_folder="", key_file=str(file)), script=words("a"))


@pytest.fixture
def key(file: Path) -> str:
    return key_for(file, "small", "vectors", "scribe", "painter", "not-here-yet")


def key_for(file: Path, *models: str) -> str:
    store = KeyStore.open(file)
    created = store.create(f"user{len(store.keys())}", UserLimits(models=models))
    store.close()
    return created


def named(request: dict[str, Any], name: str) -> dict[str, Any]:
    """The request with the name of a model."""
    field = "data" if "data" in request else "json"
    return {**request, field: {**request[field], "model": name}}


def answer(broker: FakeBroker, key: str, method: str, path: str, **request: Any) -> httpx.Response:
    return ask(broker, method, path, headers={"Authorization": f"Bearer {key}"}, **request)


def test_each_endpoint_that_takes_a_request_is_known_here(broker: FakeBroker) -> None:
    paths = ask(broker, "GET", "/openapi.json").json()["paths"]
    taking = {path for path, methods in paths.items() if "post" in methods}
    assert taking == {*GENERATING, *NOT_ABOUT_A_MODEL}


@pytest.mark.parametrize("name", [OTHER, "big-model:latest", "large"], ids=["name", "otherwise", "alias"])
@pytest.mark.parametrize("path", GENERATING)
def test_every_endpoint_refuses_another_model(broker: FakeBroker, key: str, path: str, name: str) -> None:
    refused = answer(broker, key, "POST", path, **named(GENERATING[path], name))
    assert refused.status_code == 403, refused.text
    message = f"that your API key may use (chatty, vectors, scribe, painter), got {name}"
    assert message in refused.text
    if not path.startswith(("/api", "/v1/messages")):
        error = refused.json()["error"]
        assert (error["type"], error["code"], error["param"]) == ("permission_error", "model_not_allowed", "model")
    assert broker.jobs == []


@pytest.mark.parametrize("path", GENERATING)
def test_without_a_name_the_first_model_that_the_key_may_use_answers(broker: FakeBroker, key: str, path: str) -> None:
    answer(broker, key, "POST", path, **GENERATING[path])
    assert OTHER not in {job.request.model for job in broker.jobs}
    assert broker.jobs or path in ("/api/show", "/v1/audio/transcriptions", "/v1/audio/translations")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("txt2img", {"prompt": "a", "override_settings": {"sd_model_checkpoint": OTHER}}),
        ("options", {"sd_model_checkpoint": OTHER}),
    ],
)
def test_a_setting_names_no_other_model(broker: FakeBroker, key: str, path: str, body: dict[str, Any]) -> None:
    refused = answer(broker, key, "POST", f"/sdapi/v1/{path}", json=body)
    assert refused.status_code in (400, 403, 404), refused.text
    assert broker.jobs == []
    shown = answer(broker, key, "GET", "/sdapi/v1/sd-models").json()
    assert [model["model_name"] for model in shown] == ["painter"]


def test_the_tokenizer_is_the_models(broker: FakeBroker, key: str) -> None:
    assert answer(broker, key, "GET", f"/tokenizer_info?model={OTHER}").status_code == 403


def test_loading_a_model_over_ollamas_api_is_refused_too(broker: FakeBroker, key: str) -> None:
    broker.rows = (replace(ROW, model="chatty"),)
    assert answer(broker, key, "POST", "/api/generate", json={"model": OTHER}).status_code == 403
    assert answer(broker, key, "POST", "/api/generate", json={"model": "chatty"}).status_code == 200


@pytest.mark.parametrize("name", ["gpt-4o", "claude-sonnet-4-5"])
def test_names_that_clients_have_built_in_mean_a_model_that_the_key_may_use(
    broker: FakeBroker, key: str, name: str
) -> None:
    assert answer(broker, key, "POST", "/v1/chat/completions", json={**CHAT, "model": name}).status_code == 200
    assert [job.request.model for job in broker.jobs] == ["chatty"]


def test_a_key_without_a_model_of_this_kind_is_told_so(broker: FakeBroker, file: Path) -> None:
    refused = answer(broker, key_for(file, "CHATTY"), "POST", "/v1/embeddings", json={"input": "a"})
    assert refused.status_code == 403
    assert "model: expected one of kind embedding that your API key may use (chatty), got none" in refused.text


def test_lists_have_only_the_models_that_the_key_may_use(broker: FakeBroker, key: str) -> None:
    def got(path: str, *headers: tuple[str, str]) -> Any:
        return ask(broker, "GET", path, headers={"Authorization": f"Bearer {key}", **dict(headers)}).json()

    allowed = ["chatty", "vectors", "scribe", "painter"]
    assert [row["id"] for row in got("/v1/models")["data"]] == allowed
    assert [row["id"] for row in got("/v1/models", ("anthropic-version", "2023-06-01"))["data"]] == ["chatty"]
    assert [row["name"] for row in got("/api/tags")["models"]] == ["chatty:latest", "small:latest", "vectors:latest"]
    assert got("/api/ps")["models"] == []
    assert [row["id"] for row in got("/v1/server")["models"]] == allowed
    assert list(got("/v1/server/curves?since=0")["models"]) == allowed
    assert answer(broker, key, "GET", f"/v1/models/{OTHER}").status_code == 404
    assert answer(broker, key, "GET", "/v1/models/SMALL").json()["id"] == "chatty"


def test_a_key_whose_models_are_not_here_sees_none(broker: FakeBroker, file: Path) -> None:
    key = key_for(file, "not-here-yet")
    assert answer(broker, key, "GET", "/v1/models").json()["data"] == []
    refused = answer(broker, key, "POST", "/v1/completions", json={"prompt": "a"})
    assert refused.status_code == 403
    assert "that your API key may use (none of those that are served), got none" in refused.text


def test_other_keys_use_all_models(broker: FakeBroker, file: Path, key: str) -> None:
    store = KeyStore.open(file)
    free = store.create("free")
    store.close()
    assert len(answer(broker, free, "GET", "/v1/models").json()["data"]) == len(MODELS)
    assert answer(broker, free, "POST", "/v1/completions", json={"prompt": "a", "model": OTHER}).status_code == 200
