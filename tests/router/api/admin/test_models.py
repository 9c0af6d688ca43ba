"""``/v1/models``: what clients may choose from, and in whose form."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.jobs.residency.needs import ModelNeeds
from router.jobs.served import ServedModel
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.pictures import PictureDefaults, PictureInfo
from tests.support.router.client import ask
from tests.support.router.fake_broker import MODEL, FakeBroker

FLUX = PictureInfo("flux", PictureDefaults(steps=4, cfg_scale=1.0, guidance=3.5), ("text", "edit"), 16)
ROWS = (
    ServedModel("painter", (JobKind.IMAGE,), (), 0, True, images=FLUX),
    ServedModel("smol", (JobKind.TEXT,), ("small",), 2048, True),
    ServedModel("hearer", (JobKind.SPEECH,), (), 0, False),
    ServedModel("big", (JobKind.TEXT,), (), 4096, True),
)
ANTHROPIC = {"anthropic-version": "2023-06-01"}


class SeveralModels(FakeBroker):
    """Models of several kinds, named in no order."""

    def __init__(self, **options: Any) -> None:
        models = tuple(
            ModelSettings(name=row.name, kinds=row.kinds, engine="echo", path="", aliases=row.aliases) for row in ROWS
        )
        super().__init__(ServerSettings(models=models, run_folder="", **options))

    def served_models(self) -> list[ServedModel]:
        return list(ROWS)


def get(path: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
    return ask(SeveralModels(**options), "GET", path, headers=headers or {})


def ids(path: str, headers: dict[str, str] | None = None) -> list[str]:
    return [model["id"] for model in get(path, headers).json()["data"]]


def test_chat_models_come_first_since_clients_take_the_first() -> None:
    assert ids("/v1/models") == ["smol", "big", "painter", "hearer"]


@pytest.mark.parametrize(
    ("kind", "models"), [("text", ["smol", "big"]), ("speech", ["hearer"]), ("image", ["painter"])]
)
def test_models_of_one_kind(kind: str, models: list[str]) -> None:
    assert ids(f"/v1/models?kind={kind}") == models


def test_an_image_model_says_what_it_is_and_can_do() -> None:
    models = {model["id"]: model for model in get("/v1/models").json()["data"]}
    images = models["painter"]["images"]
    assert (images["family"], images["features"], images["side_multiple"]) == ("flux", ["text", "edit"], 16)
    assert images["max_pixels"] == 1024 * 1024
    assert {name: images["defaults"][name] for name in ("steps", "cfg_scale", "guidance", "width")} == {
        "steps": 4,
        "cfg_scale": 1.0,
        "guidance": 3.5,
        "width": 512,
    }
    assert "images" not in models["smol"]


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    response = get("/v1/models?kind=chat")
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "kind")
    assert error["message"].startswith("kind: expected 'text', 'image'")
    assert error["message"].endswith("got 'chat'")


def test_anthropics_clients_are_offered_chat_models_in_their_form() -> None:
    listed = get("/v1/models?limit=1000", ANTHROPIC).json()
    assert [model["id"] for model in listed["data"]] == ["smol", "big"]
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, "smol", "big")
    first = listed["data"][0]
    assert datetime.datetime.fromisoformat(first.pop("created_at")).tzinfo is not None
    assert first == {
        "type": "model",
        "id": "smol",
        "display_name": "smol",
        "lifecycle": "active",
        "max_input_tokens": 2048,
        "max_tokens": 2048,
    }
    assert get("/v1/models/small", ANTHROPIC).json() == listed["data"][0] | {
        "created_at": get("/v1/models", ANTHROPIC).json()["data"][0]["created_at"]
    }


@pytest.mark.parametrize("name", ["none", "painter"])
def test_what_is_no_chat_model_is_not_found_by_anthropics_clients(name: str) -> None:
    response = get(f"/v1/models/{name}", ANTHROPIC)
    body = response.json()
    assert (response.status_code, body["type"], body["error"]["type"]) == (404, "error", "not_found_error")
    assert body["error"]["message"] == f"model: expected one of smol, big, got '{name}'"


def test_errors_to_other_clients_are_openais() -> None:
    error = get("/v1/models/none").json()["error"]
    assert (error["param"], error["code"]) == ("model", "model_not_found")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("small", "smol"),
        ("gpt-4o", "smol"),
        ("claude-opus-4-1", "smol"),
        ("dall-e-3", "painter"),
        ("whisper-1", "hearer"),
    ],
)
def test_one_model_by_an_alias_or_by_a_name_that_means_it_in_requests(name: str, found: str) -> None:
    assert get(f"/v1/models/{name}").json()["id"] == found


@pytest.mark.parametrize("name", ["text-embedding-3-small", "tts-1"])
def test_a_name_of_a_kind_that_is_not_served_is_not_found(name: str) -> None:
    assert get(f"/v1/models/{name}").status_code == 404


def test_with_strict_names_a_name_is_only_itself() -> None:
    assert get("/v1/models/gpt-4o", strict_names=True).status_code == 404
    assert get("/v1/models/small", strict_names=True).status_code == 200


def test_a_row_tells_state_sizes_and_needs(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"x" * 1000)
    model = MODEL.model_copy(update={"path": str(file)})
    broker = FakeBroker(settings=ServerSettings(models=(model,), run_folder=""))
    broker.residency.needs["smol"] = ModelNeeds((({"cuda:0": 700, "cpu": 100}, model),), 1.0)
    row = ask(broker, "GET", "/v1/models/smol").json()
    told = {"state": "ready", "progress": None, "reason": None, "size_bytes": 1000, "memory_bytes": 800}
    assert row == row | told
    assert ask(broker, "GET", "/v1/models").json()["data"] == [row]


def test_what_is_not_known_is_null() -> None:
    row = get("/v1/models/big").json()
    assert (row["state"], row["size_bytes"], row["memory_bytes"]) == ("loading", None, None)


def test_a_model_that_does_not_fit_has_failed_with_the_reason() -> None:
    model = MODEL.model_copy(update={"load": "demand", "name": "big"})
    broker = FakeBroker(settings=ServerSettings(models=(model,), run_folder=""), unfit={"big": "too large"})
    row = ask(broker, "GET", "/v1/models/big").json()
    assert (row["state"], row["reason"]) == ("failed", "too large")
