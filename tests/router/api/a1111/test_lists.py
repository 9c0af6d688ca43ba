"""What Automatic1111's clients can choose from, and the settings."""

from __future__ import annotations

import pytest

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS, find_sampler, find_scheduler
from tests.support.requests.a1111 import IMAGE_MODELS, naming_broker
from tests.support.requests.images import CAT
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import MODEL, FakeBroker

OPTIONS = "/sdapi/v1/options"


@pytest.fixture
def broker() -> FakeBroker:
    return naming_broker(MODEL, *IMAGE_MODELS)


def test_only_image_models_are_listed_without_the_folders_of_their_files(broker: FakeBroker) -> None:
    rows = ask(broker, "GET", "/sdapi/v1/sd-models").json()
    assert [(row["title"], row["model_name"], row["filename"]) for row in rows] == [
        ("sd1-5", "sd1-5", "sd1-5.safetensors"),
        ("sdxl", "sdxl", "sdxl.safetensors"),
    ]
    assert rows[0].keys() == {"title", "model_name", "hash", "sha256", "filename", "config"}


def test_each_listed_sampler_and_scheduler_is_understood(broker: FakeBroker) -> None:
    rows = ask(broker, "GET", "/sdapi/v1/samplers").json()
    assert tuple(row["aliases"][0] for row in rows) == SAMPLERS
    for row in rows:
        assert {find_sampler(name) for name in (row["name"], *row["aliases"])} == {(row["aliases"][0], None)}
    rows = ask(broker, "GET", "/sdapi/v1/schedulers").json()
    assert (rows[0]["name"], rows[0]["label"]) == ("automatic", "Automatic")
    assert tuple(row["name"] for row in rows[1:]) == SCHEDULERS
    for row in rows[1:]:
        assert {find_scheduler(row[word]) for word in ("name", "label")} == {row["name"]}


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        ("sd-vae", []),
        ("hypernetworks", []),
        ("face-restorers", []),
        ("prompt-styles", []),
        ("script-info", []),
        ("extensions", []),
        ("scripts", {"txt2img": [], "img2img": []}),
    ],
)
def test_what_there_is_none_of_is_an_empty_list(broker: FakeBroker, name: str, empty: object) -> None:
    assert ask(broker, "GET", f"/sdapi/v1/{name}").json() == empty


@pytest.mark.parametrize("name", ["refresh-checkpoints", "refresh-vae", "refresh-loras"])
def test_a_refresh_has_nothing_to_do(broker: FakeBroker, name: str) -> None:
    answer = ask(broker, "POST", f"/sdapi/v1/{name}")
    assert (answer.status_code, answer.json()) == (200, None)


def test_the_latent_upscale_modes_are_there(broker: FakeBroker) -> None:
    names = [row["name"] for row in ask(broker, "GET", "/sdapi/v1/latent-upscale-modes").json()]
    assert names[:2] == ["Latent", "Latent (nearest)"]


def test_the_checkpoint_is_the_model_without_a_name(broker: FakeBroker) -> None:
    assert ask(broker, "GET", OPTIONS).json()["sd_model_checkpoint"] == "sd1-5"
    answer = post(broker, OPTIONS, {"sd_model_checkpoint": "sdxl"})
    assert (answer.status_code, answer.json()) == (200, None)
    assert ask(broker, "GET", OPTIONS).json()["sd_model_checkpoint"] == "sdxl"
    assert post(broker, "/sdapi/v1/txt2img", CAT).status_code == 200
    assert broker.jobs[-1].request.model == "sdxl"


def test_what_was_read_can_be_sent_back_and_other_changes_are_named(broker: FakeBroker) -> None:
    options = ask(broker, "GET", OPTIONS).json()
    assert "X-Nexa-Warning" not in post(broker, OPTIONS, options).headers
    warning = post(broker, OPTIONS, {**options, "samples_format": "jpg"}).headers["X-Nexa-Warning"]
    assert warning == "samples_format: this setting cannot be changed"


def test_a_checkpoint_that_is_not_served_is_404(broker: FakeBroker) -> None:
    answer = post(broker, OPTIONS, {"sd_model_checkpoint": "none"})
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found_error")
    assert ask(broker, "GET", OPTIONS).json()["sd_model_checkpoint"] == "sd1-5"


def test_the_choice_of_a_model_that_left_is_forgotten(broker: FakeBroker) -> None:
    post(broker, OPTIONS, {"sd_model_checkpoint": "sdxl"})
    broker.set_models(broker.settings.models[:2])
    assert ask(broker, "GET", OPTIONS).json()["sd_model_checkpoint"] == "sd1-5"


def test_without_an_image_model_there_is_no_checkpoint() -> None:
    assert ask(naming_broker(MODEL), "GET", OPTIONS).json()["sd_model_checkpoint"] is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/sdapi/v1/interrogate", 501),
        ("POST", "/sdapi/v1/train/embedding", 501),
        ("POST", "/sdapi/v1/server-kill", 501),
        ("GET", "/sdapi/v1/none", 404),
        ("GET", "/sdapi/v1/txt2img", 405),
    ],
)
def test_errors_are_automatic1111s(broker: FakeBroker, method: str, path: str, status: int) -> None:
    answer = ask(broker, method, path)
    assert answer.status_code == status
    assert answer.json()["detail"] == answer.json()["errors"] != ""
