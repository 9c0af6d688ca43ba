"""A model's projector is fetched with it, unless it is not wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.hub.client import Hub
from shared.hub.store import ModelStore
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub
from tests.support.models.projectors import projector, seeing_model
from tests.support.models.tiny_repository import files_in

SPEC = "hf:owner/sees"
MODEL = seeing_model()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serve_hub() as server:
        yield server


@pytest.fixture
def store(hub: HubServer, tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", Hub(hub.url, retry_delay_s=0.0))


def offer(hub: HubServer, files: Mapping[str, bytes]) -> None:
    hub.repos["owner/sees"] = FakeRepo(dict(files))


def test_the_nearest_precision_is_fetched_with_the_model_and_found_there_again(
    store: ModelStore, hub: HubServer
) -> None:
    precisions = {f"mmproj-sees-{quant}.gguf": projector(content=n) for n, quant in enumerate(("Q8_0", "f16", "f32"))}
    offer(hub, {"sees-Q4_K_M.gguf": MODEL, **precisions})
    for model in (store.pull(SPEC), store.pull(SPEC)):
        assert (model.path.name, model.projector.media) == ("sees-Q4_K_M.gguf", ("image",))
        assert model.projector.path == model.path.parent / "mmproj-sees-Q8_0.gguf"
    assert files_in(store) == ["mmproj-sees-Q8_0.gguf", "sees-Q4_K_M.gguf"]
    (installed,) = store.installed()
    assert installed.size_bytes == len(MODEL) + len(projector())


def test_a_split_model_in_a_folder_gets_the_projector_of_the_repository(store: ModelStore, hub: HubServer) -> None:
    parts = {f"Q4_K_M/sees-Q4_K_M-0000{n}-of-00002.gguf": MODEL for n in (1, 2)}
    offer(hub, {**parts, "mmproj-BF16.gguf": projector(), "mmproj-F16.gguf": projector(content=1)})
    model = store.pull(SPEC)
    assert (model.path.name, model.projector.path) == (
        "sees-Q4_K_M-00001-of-00002.gguf",
        model.path.parent.parent / "mmproj-F16.gguf",
    )


def test_a_repository_of_several_models_gives_each_its_own(store: ModelStore, hub: HubServer) -> None:
    own = {f"{name}-Q8_0.gguf": seeing_model(content=n) for n, name in enumerate(("small", "large", "plain"))}
    projectors = {f"mmproj-{name}-F16.gguf": projector(content=n) for n, name in enumerate(("small", "large"))}
    offer(hub, {**own, **projectors})
    found = {name: store.pull(f"{SPEC}:{name}-Q8_0.gguf").projector.path for name in ("small", "large", "plain")}
    assert {name: path and path.name for name, path in found.items()} == {
        "small": "mmproj-small-F16.gguf",
        "large": "mmproj-large-F16.gguf",
        "plain": None,
    }


def test_one_that_is_not_wanted_is_left_out_and_fetched_when_it_is(store: ModelStore, hub: HubServer) -> None:
    offer(hub, {"sees-Q4_K_M.gguf": MODEL, "mmproj-sees-Q8_0.gguf": projector()})
    bare = store.without_projectors()
    assert bare.pull(SPEC).projector.path is None
    assert files_in(store) == ["sees-Q4_K_M.gguf"]
    hub.requests.clear()
    assert bare.pull(SPEC).projector.path is None
    assert hub.requests == []
    assert store.pull(SPEC).projector.media == ("image",)
    assert files_in(store) == ["mmproj-sees-Q8_0.gguf", "sees-Q4_K_M.gguf"]


def test_a_model_that_an_earlier_version_fetched_gets_its_projector_by_a_pull(
    store: ModelStore, hub: HubServer
) -> None:
    offer(hub, {"sees-Q4_K_M.gguf": MODEL})
    store.pull(SPEC)
    (manifest,) = store.root.rglob("manifest.json")
    values = json.loads(manifest.read_text())
    assert values.pop("projector") == ""
    manifest.write_text(json.dumps(values))
    offer(hub, {"sees-Q4_K_M.gguf": MODEL, "mmproj-sees-Q8_0.gguf": projector()})
    assert store.pull(SPEC).projector.media == ("image",)


def test_a_projector_that_does_not_fit_leaves_a_model_for_text(store: ModelStore, hub: HubServer) -> None:
    offer(hub, {"sees-Q4_K_M.gguf": MODEL, "mmproj-sees-Q8_0.gguf": projector(640)})
    model = store.pull(SPEC)
    assert model.projector.path is None
    assert "width 576, got one for 640" in model.projector.refusal


def test_a_repository_of_nothing_but_projectors_has_no_model(store: ModelStore, hub: HubServer) -> None:
    offer(hub, {"mmproj-sees-Q8_0.gguf": projector()})
    with pytest.raises(ModelError, match="expected a model that can be served"):
        store.pull(SPEC)
    offer(hub, {"eyes.gguf": projector()})
    with pytest.raises(ModelError, match=r"cannot be served: eyes\.gguf: expected a model, got the projector"):
        store.pull(SPEC)
    assert store.installed() == []
