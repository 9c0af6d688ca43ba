"""Adapters, which requests of all APIs of text choose by a field or as a model of their own."""

from __future__ import annotations

from typing import Any

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import AdapterSet, TokenizeJob, WantedAdapters
from tests.support.router.client import ask
from tests.support.router.fake_broker import FakeBroker, words


def model(name: str, *adapters: str, kinds: tuple[JobKind, ...] = (JobKind.TEXT,), alias: str = "") -> ModelSettings:
    aliases = (alias,) if alias else ()
    return ModelSettings(name=name, kinds=kinds, engine="llama", path="", adapters=adapters, aliases=aliases)


MODELS = (
    model("smol", "pirate=/p.gguf:1", "Formal-Tone=/f.gguf:0.5", "shared=/s.gguf:1", alias="gpt-4o"),
    model("other", "shared=/s.gguf:1", "smol=/o.gguf:1"),
    model("plain"),
    model("both", "poet=/b.gguf:1", kinds=(JobKind.TEXT, JobKind.EMBEDDING)),
)
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
FUNCTION = {"type": "function", "function": {"name": "f"}}
GENERATING: dict[str, dict[str, Any]] = {
    "/v1/completions": {"prompt": "a"},
    "/v1/chat/completions": CHAT,
    "/v1/function-calling": {**CHAT, "tools": [FUNCTION]},
    "/v1/messages": {**CHAT, "max_tokens": 5},
    "/v1/responses": {"input": "a", "store": False},
    "/api/chat": {**CHAT, "stream": False},
    "/api/generate": {"prompt": "a", "stream": False},
}


def broker() -> FakeBroker:
    return FakeBroker(settings=ServerSettings(models=MODELS, run_folder=""), script=words("Yes"))


def adapters_of(path: str, body: dict[str, Any]) -> tuple[str, WantedAdapters]:
    """The model and the adapters of the job that a request becomes."""
    fake = broker()
    response = ask(fake, "POST", path, json=body)
    assert response.status_code == 200, response.text
    (job,) = fake.jobs
    (work,) = fake.texts
    return job.request.model, work.adapters


def refusal(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    fake = broker()
    response = ask(fake, "POST", path, json=body)
    assert not fake.jobs
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize("path", GENERATING)
def test_every_api_of_text_takes_the_field_and_the_name(path: str) -> None:
    body = GENERATING[path]
    assert adapters_of(path, {**body, "model": "smol", "lora": "pirate"}) == ("smol", (("pirate", 1.0),))
    assert adapters_of(path, {**body, "model": "pirate"}) == ("smol", (("pirate", 1.0),))
    assert adapters_of(path, {**body, "model": "smol"}) == ("smol", ())


@pytest.mark.parametrize(
    ("lora", "expected"),
    [
        ("Formal-Tone", (("Formal-Tone", 0.5),)),
        ({"pirate": 0.25, "Formal-Tone": 2}, (("Formal-Tone", 2.0), ("pirate", 0.25))),
        ([{"name": "pirate", "scale": -1.5}], (("pirate", -1.5),)),
        ([{"id": 1, "scale": 1}, {"id": 0, "scale": 0}], (("Formal-Tone", 1.0),)),
        ([{"id": 1}, "pirate"], (("Formal-Tone", 0.5), ("pirate", 1.0))),
        ([], ()),
        ({}, ()),
        (None, ()),
    ],
)
def test_forms_of_the_field(lora: Any, expected: AdapterSet) -> None:
    assert adapters_of("/v1/completions", {"prompt": "a", "lora": lora})[1] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smol:pirate", ("smol", (("pirate", 1.0),))),
        ("gpt-4o:pirate", ("smol", (("pirate", 1.0),))),
        ("pirate:latest", ("smol", (("pirate", 1.0),))),
        ("PIRATE", ("smol", (("pirate", 1.0),))),
        ("formal-tone", ("smol", (("Formal-Tone", 0.5),))),
        ("Smol:formal_tone", ("smol", (("Formal-Tone", 0.5),))),
        ("other:shared", ("other", (("shared", 1.0),))),
        ("smol", ("smol", ())),
        ("other:smol", ("other", (("smol", 1.0),))),
    ],
)
def test_adapters_are_models_of_their_own(name: str, expected: tuple[str, AdapterSet]) -> None:
    assert adapters_of("/v1/completions", {"prompt": "a", "model": name}) == expected


def test_the_field_adds_to_the_name_and_changes_its_scale() -> None:
    body = {"prompt": "a", "model": "pirate", "lora": {"pirate": 0.5, "Formal-Tone": 1}}
    assert adapters_of("/v1/completions", body)[1] == (("Formal-Tone", 1.0), ("pirate", 0.5))


def test_an_adapter_that_the_model_does_not_have_is_refused_with_those_that_it_has() -> None:
    status, error = refusal("/v1/chat/completions", {**CHAT, "model": "smol", "lora": "poet"})
    assert (status, error["param"], error["code"]) == (400, "lora", "adapter_not_found")
    assert error["message"] == "lora: expected one of pirate, Formal-Tone, shared, got 'poet'"
    _, error = refusal("/v1/chat/completions", {**CHAT, "model": "plain", "lora": "poet"})
    assert error["message"] == "lora: expected none, since the model has no adapters, got 'poet'"


@pytest.mark.parametrize(
    ("lora", "problem"),
    [
        (1, "expected the name of an adapter"),
        ([{"scale": 1}], "expected the name of an adapter"),
        ([{"id": 0, "name": "pirate"}], "expected the name of an adapter"),
        ([{"id": True}], "expected the name of an adapter"),
        ({"pirate": "1"}, "expected scales from -100 to 100, got '1'"),
        ({"pirate": 101}, "expected scales from -100 to 100, got 101"),
        (["pirate"] * 65, "expected at most 64 adapters, got 65"),
    ],
)
def test_what_is_no_adapter_is_refused(lora: Any, problem: str) -> None:
    status, error = refusal("/v1/completions", {"prompt": "a", "lora": lora})
    assert (status, error["param"]) == (400, "lora")
    assert error["message"].startswith(f"lora: {problem}")


def test_a_name_of_two_adapters_means_none() -> None:
    status, error = refusal("/v1/completions", {"prompt": "a", "model": "shared"})
    assert (status, error["param"]) == (404, "model")
    assert "smol (text; adapters: pirate, Formal-Tone, shared)" in error["message"]


def test_adapters_are_not_for_vectors() -> None:
    status, error = refusal("/v1/embeddings", {"input": "a", "model": "poet"})
    assert (status, error["param"]) == (400, "model")
    assert error["message"] == "model: expected a model without an adapter for requests of kind embedding, got poet"
    assert refusal("/v1/embeddings", {"input": "a", "model": "pirate"})[0] == 404


def test_tokens_are_those_of_the_model_and_unknown_adapters_are_refused_there_too() -> None:
    fake = broker()
    ask(fake, "POST", "/tokenize", json={"content": "a", "model": "pirate", "lora": "shared"})
    assert isinstance(fake.jobs[0].request.work, TokenizeJob)
    assert fake.jobs[0].request.model == "smol"
    assert refusal("/tokenize", {**CHAT, "lora": "poet"})[0] == 400


def test_models_are_listed_with_their_adapters() -> None:
    rows = ask(broker(), "GET", "/v1/models").json()["data"]
    assert [(row["id"], row.get("parent"), row.get("root")) for row in rows] == [
        ("smol", None, None),
        ("pirate", "smol", "smol"),
        ("Formal-Tone", "smol", "smol"),
        ("smol:shared", "smol", "smol"),
        ("other", None, None),
        ("other:shared", "other", "other"),
        ("other:smol", "other", "other"),
        ("plain", None, None),
        ("both", None, None),
        ("poet", "both", "both"),
    ]
    embedding = ask(broker(), "GET", "/v1/models?kind=embedding").json()["data"]
    assert [row["id"] for row in embedding] == ["both"]


def test_an_adapter_is_shown_like_a_model() -> None:
    row = ask(broker(), "GET", "/v1/models/pirate").json()
    assert (row["id"], row["kinds"], row["parent"]) == ("pirate", ["text"], "smol")
    anthropic = {"anthropic-version": "2023-06-01"}
    assert ask(broker(), "GET", "/v1/models/pirate", headers=anthropic).json()["id"] == "pirate"
    listed = ask(broker(), "GET", "/v1/models", headers=anthropic).json()["data"]
    assert [row["id"] for row in listed][:3] == ["smol", "pirate", "Formal-Tone"]
    tags = ask(broker(), "GET", "/api/tags").json()["models"]
    assert "pirate:latest" in [row["name"] for row in tags]
    assert ask(broker(), "POST", "/api/show", json={"model": "pirate:latest"}).status_code == 200
