"""Models that this program has fetched, and those in packages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.discovery.discovery import WhereToLook
from shared.discovery.found import ModelPlace
from shared.hub.manifest import InstalledModel, write_manifest
from shared.hub.store import ModelStore
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.source import JoinedSource
from tests.support.models.foreign_stores import hub_repository, write_old
from tests.support.models.searched_machine import MODEL, SearchedMachine, names


@pytest.fixture
def own(machine: SearchedMachine) -> SearchedMachine:
    machine.where = WhereToLook()
    return machine


def install(machine: SearchedMachine, name: str, source: str, file: str) -> None:
    folder = machine.root / "store" / name.replace("/", "_").replace(":", "_")
    write_old(folder / "files" / file, MODEL)
    write_manifest(InstalledModel(name, source, "abc", "MIT", (file,), len(MODEL), folder))


def test_fetched_and_packaged_models_have_their_names_and_licences(own: SearchedMachine) -> None:
    install(own, "maker/own-GGUF:Q8_0", "hf:maker/own-GGUF:Q8_0", "own-Q8_0.gguf")
    found = {model.name: model for model in own.scan().models}
    assert found["maker/own-GGUF:Q8_0"].source is ModelPlace.NEXA
    assert found["maker/own-GGUF:Q8_0"].licence == "MIT"
    assert (found["smollm2"].source, found["smollm2"].engine) == (ModelPlace.PACKAGE, "llama")
    assert found["smollm2"].size_bytes > 50_000_000


def test_a_model_of_the_catalog_is_found_once(own: SearchedMachine) -> None:
    entry = next(entry for entry in load_catalog() if entry.name == "gemma3")
    install(own, "gemma3", str(entry.source), "gemma-3-4b-it-Q4_K_M.gguf")
    hub_repository(own.cache, "ggml-org/gemma-3-4b-it-GGUF", {"gemma-3-4b-it-Q4_K_M.gguf": MODEL + b"\0"})
    found = [model for model in own.scan().models if model.name.startswith("gemma")]
    assert [(model.name, model.source) for model in found] == [("gemma3", ModelPlace.NEXA)]


def test_an_unfinished_download_is_no_model(own: SearchedMachine) -> None:
    write_old(own.root / "store" / "half" / "files" / "half.gguf", MODEL)
    assert "half" not in names(own.scan())


def test_models_in_parts_are_joined_once_when_their_packages_are_here(
    own: SearchedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined: list[str] = []

    def ensure(_: ModelStore, entry: CatalogEntry) -> None:
        joined.append(entry.name)

    monkeypatch.setattr(ModelStore, "ensure", ensure)
    monkeypatch.setattr(JoinedSource, "locate", lambda _: [])
    own.scan()
    assert joined == []
    own.where = replace(own.where, join=True)
    own.scan()
    assert joined == [entry.name for entry in load_catalog() if isinstance(entry.source, JoinedSource)]
