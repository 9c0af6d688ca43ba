"""Image models of several files, pulled from a hub over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.make_images.headers import HEADERS, Shapes, write_header
from shared.errors import ModelError
from shared.hub import part_files
from shared.hub.client import Hub
from shared.hub.part_files import choose_part, find_part
from shared.hub.store import ModelStore
from shared.models.catalog import Catalog, CatalogEntry, load_catalog
from shared.models.parts import hub_source
from shared.models.source import HubSource
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub

SMALL: Shapes = {"cap_embedder.0.weight": (64,), "cap_embedder.1.weight": (64, 96)}
LLM: Shapes = {"token_embd.weight": (64, 100), "blk.0.attn_q.weight": (64, 64)}
VAE: Shapes = {"decoder.conv_in.weight": (3, 3, 16, 32)}


def weights(folder: Path, name: str, shapes: Shapes, architecture: str = "") -> bytes:
    write_header(folder / name, shapes, architecture)
    return (folder / name).read_bytes()


@pytest.fixture
def repos(tmp_path: Path) -> dict[str, FakeRepo]:
    model, llm = weights(tmp_path, "m.gguf", SMALL), weights(tmp_path, "l.gguf", LLM, "qwen3")
    vae = weights(tmp_path, "v.safetensors", VAE)
    return {
        "owner/turbo": FakeRepo({"turbo-Q4_0.gguf": model}),
        "owner/base": FakeRepo({"base-Q4_0.gguf": model + bytes(32)}),
        "owner/llm": FakeRepo({"llm-Q4_0.gguf": llm, "llm-Q8_0.gguf": llm}),
        "owner/vae": FakeRepo({"split/vae/ae.safetensors": vae}),
    }


@pytest.fixture
def image_hub(repos: dict[str, FakeRepo]) -> Iterator[HubServer]:
    with serve_hub(**repos) as server:
        yield server


def entry_of(name: str) -> CatalogEntry:
    parts = (("llm", "hf:owner/llm:llm-Q8_0.gguf"), ("vae", "hf:owner/vae:split/vae/ae.safetensors"))
    entry = load_catalog().get("z-image-turbo")
    return replace(entry, name=name, aliases=(), source=HubSource(f"owner/{name}"), parts=parts)


TURBO, BASE = entry_of("turbo"), entry_of("base")


@pytest.fixture
def images(image_hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    monkeypatch.setattr(part_files, "load_catalog", lambda: Catalog([TURBO, BASE]))
    return ModelStore(tmp_path / "models", Hub(image_hub.url, retry_delay_s=0.0))


def test_a_model_is_fetched_with_all_its_parts(images: ModelStore, image_hub: HubServer) -> None:
    model = images.ensure(TURBO)
    assert (model.name, model.engine, dict(model.defaults)) == ("turbo", "diffusion", {"steps": 8, "cfg_scale": 1.0})
    paths = {option: Path(path) for option, path in model.parts}
    assert {option: path.name for option, path in paths.items()} == {"llm": "llm-Q8_0.gguf", "vae": "ae.safetensors"}
    assert all(path.is_file() for path in paths.values())
    assert [installed.name for installed in images.installed()] == ["turbo"]
    image_hub.down = True
    assert images.ensure(TURBO) == model


def test_models_share_parts_which_go_with_the_last_of_them(images: ModelStore, image_hub: HubServer) -> None:
    images.ensure(TURBO)
    images.ensure(BASE)
    assert len(image_hub.downloads()) == 4
    images.remove("turbo")
    assert len(images.everything()) == 3
    images.remove("base")
    assert images.everything() == []


def test_a_part_that_is_pulled_by_itself_is_a_model_too(images: ModelStore, image_hub: HubServer) -> None:
    images.ensure(TURBO)
    images.pull("hf:owner/llm:llm-Q8_0.gguf")
    assert [installed.name for installed in images.installed()] == ["owner/llm:llm-Q8_0.gguf", "turbo"]
    assert find_part(images, hub_source("hf:owner/llm:llm-Q8_0.gguf")) is not None
    images.remove("turbo")
    assert [installed.name for installed in images.everything()] == ["owner/llm:llm-Q8_0.gguf"]


def test_a_part_that_is_no_model_stays_when_it_is_pulled_by_itself(images: ModelStore) -> None:
    images.ensure(TURBO)
    with pytest.raises(ModelError, match="cannot be served"):
        images.pull("hf:owner/vae:split/vae/ae.safetensors")
    assert find_part(images, hub_source("hf:owner/vae:split/vae/ae.safetensors")) is not None


def test_a_part_must_be_one_file_of_weights(images: ModelStore, repos: dict[str, FakeRepo]) -> None:
    with pytest.raises(ModelError, match=r"hf:owner/llm:Q2: expected one file of weights, got none"):
        choose_part(HubSource("owner/llm", "Q2"), images.opened_hub().repo("owner/llm").files)
    with pytest.raises(ModelError, match=r"got llm-Q4_0\.gguf, llm-Q8_0\.gguf"):
        choose_part(HubSource("owner/llm"), images.opened_hub().repo("owner/llm").files)
    repos["owner/vae"].files["split/vae/ae.safetensors"] = b"<html>"
    with pytest.raises(ModelError, match=r"ae\.safetensors: expected a safetensors file"):
        images.ensure(TURBO)


def test_every_model_of_the_catalog_names_known_parts() -> None:
    several = [entry for entry in load_catalog() if entry.parts]
    assert len(several) > 5
    assert {option for entry in several for option, _ in entry.parts} <= {"llm", "llm_vision", "clip_l", "t5xxl", "vae"}
    assert HEADERS.keys() >= {"z_image", "flux2_klein", "qwen_image"}
