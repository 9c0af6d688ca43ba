"""Models that other programs have fetched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shared.discovery.catalog_names import find_entry
from shared.discovery.found import ModelPlace
from shared.discovery.hub_cache import FETCHING_S
from shared.discovery.other_programs import ForeignFolders
from shared.models.catalog import load_catalog
from tests.support.models.foreign_stores import (
    WHISPER_FOLDER,
    hub_repository,
    ollama_model,
    write_old,
)
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.searched_machine import MODEL, SearchedMachine, names
from tests.support.onnx.folders import HUB_TEXT

LIBRARY = "registry.ollama.ai/library"


def gguf(number: int) -> bytes:
    """A model of a content of its own."""
    return MODEL + bytes([number])


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        (f"{LIBRARY}/qwen2.5/latest", "qwen2.5"),
        (f"{LIBRARY}/qwen2.5/7b-instruct-q4_K_M", "qwen2.5:7b-instruct-q4_K_M"),
        ("registry.ollama.ai/someone/own/latest", "someone/own"),
        ("hf.co/bartowski/Qwen-GGUF/Q4_K_M", "hf.co/bartowski/Qwen-GGUF:Q4_K_M"),
    ],
)
def test_models_of_ollama_have_the_names_that_it_lists(machine: SearchedMachine, manifest: str, name: str) -> None:
    layers = {"model": MODEL, "template": b"{{ .Prompt }}", "params": b"{}", "projector": b"x"}
    ollama_model(machine.ollama, manifest, layers)
    (model,) = machine.scan().models
    assert (model.name, model.source, model.size_bytes) == (name, ModelPlace.OLLAMA, len(MODEL))
    assert model.path.name.startswith("sha256-")


def test_a_blob_with_two_tags_is_one_model(machine: SearchedMachine) -> None:
    for tag in ("latest", "3b"):
        ollama_model(machine.ollama, f"{LIBRARY}/llama3.2/{tag}", {"model": MODEL})
    found = machine.scan()
    assert [(model.name, model.aliases) for model in found.models] == [("llama3.2", ("llama3.2:3b",))]


def test_models_of_ollama_that_cannot_be_served_have_a_reason(machine: SearchedMachine) -> None:
    ollama_model(machine.ollama, f"{LIBRARY}/adapted/latest", {"model": MODEL, "adapter": b"x"})
    ollama_model(machine.ollama, f"{LIBRARY}/cloud/latest", {})
    write_old(machine.ollama / "manifests" / LIBRARY / "damaged" / "latest", "[[[[")
    write_old(machine.ollama / "manifests" / LIBRARY / "odd" / "latest", '{"layers": [1, {"mediaType": 2}]}')
    lost = ollama_model(machine.ollama, f"{LIBRARY}/lost/latest", {"model": gguf(1)})
    for blob in (machine.ollama / "blobs").iterdir():
        if blob.read_bytes() == gguf(1):
            blob.unlink()
    digest = json.dumps({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../x"}]})
    write_old(machine.ollama / "manifests" / LIBRARY / "climbing" / "latest", digest)
    found = machine.scan()
    assert found.models == ()
    reasons = {item.path.parent.name: item.reason for item in found.unservable}
    assert set(reasons) == {"adapted", "cloud", "damaged", "odd", "lost", "climbing"}
    assert "adapter" in reasons["adapted"]
    assert "got none" in reasons[lost.parent.name]


def test_a_name_that_another_place_has_too_gets_the_place(machine: SearchedMachine) -> None:
    write_old(machine.folder / "chat.gguf", gguf(0))
    ollama_model(machine.ollama, f"{LIBRARY}/chat/latest", {"model": gguf(1)})
    write_old(machine.lm_studio / "maker" / "chat-GGUF" / "chat.gguf", gguf(2))
    hub_repository(machine.cache, "maker/chat-GGUF", {"chat.gguf": gguf(3)})
    assert names(machine.scan()) == ["chat", "chat-ollama", "chat-lmstudio", "chat-hub"]


def test_lm_studio_keeps_files_by_maker_and_repository(machine: SearchedMachine) -> None:
    folder = machine.lm_studio / "bartowski" / "Qwen2.5-7B-GGUF"
    write_old(folder / "Qwen2.5-7B-Q4_K_M.gguf", MODEL)
    write_old(folder / "mmproj-Qwen2.5-7B-f16.gguf", MODEL)
    write_old(folder / "downloading_Qwen2.5-7B-Q8_0.gguf.part", MODEL)
    (model,) = machine.scan().models
    assert (model.name, model.source) == ("Qwen2.5-7B-Q4_K_M", ModelPlace.LM_STUDIO)


def test_the_newest_commit_in_the_hubs_cache_is_served(machine: SearchedMachine) -> None:
    hub_repository(machine.cache, "maker/Model-GGUF", {"model-Q4.gguf": gguf(0)}, commit="b" * 40)
    newest = hub_repository(machine.cache, "maker/Model-GGUF", {"sub/model-Q4.gguf": gguf(1)}, commit="c" * 40)
    hub_repository(machine.cache, "maker/speech", WHISPER_FOLDER)
    hub_repository(machine.cache, "maker/text-onnx", {name: str(content) for name, content in HUB_TEXT_FILES.items()})
    found = {model.name: model for model in machine.scan().models}
    assert set(found) == {"model-Q4", "speech", "text-onnx"}
    assert found["model-Q4"].path == newest / "sub" / "model-Q4.gguf"
    assert {model.source for model in found.values()} == {ModelPlace.HUB_CACHE}


HUB_TEXT_FILES = {
    name: content if isinstance(content, str) else json.dumps(content) for name, content in HUB_TEXT.items()
}


def test_a_repository_that_is_being_fetched_waits(machine: SearchedMachine) -> None:
    hub_repository(machine.cache, "maker/speech", WHISPER_FOLDER)
    unfinished = write_old(machine.cache / "models--maker--speech" / "blobs" / "abc.incomplete")
    os.utime(unfinished, (machine.now_s, machine.now_s))
    searched = machine.discovery()
    assert names(searched.scan()) == []
    machine.now_s += FETCHING_S
    assert names(searched.scan()) == ["speech"]


def test_models_of_the_catalog_have_its_names(machine: SearchedMachine) -> None:
    by_name = {entry.name: entry for entry in load_catalog()}
    repo, file = "ggml-org/gemma-3-4b-it-GGUF", "gemma-3-4b-it-Q4_K_M.gguf"
    hub_repository(machine.cache, repo, {file: gguf(0), "gemma-3-4b-it-f16.gguf": gguf(1)})
    hub_repository(machine.cache, "Systran/faster-whisper-small", WHISPER_FOLDER)
    write_old(machine.lm_studio / repo / file, gguf(2))
    found = {model.name: model for model in machine.scan().models}
    assert set(found) == {"gemma3", "gemma-3-4b-it-f16", "faster-whisper-small"}
    assert found["gemma3"].licence == by_name["gemma3"].licence
    assert found["gemma3"].source is ModelPlace.LM_STUDIO  # the same model in the cache is no second one


def test_a_file_is_known_by_its_hash() -> None:
    entry = next(entry for entry in load_catalog() if entry.sha256)
    assert find_entry("", "", entry.engine, str(entry.sha256)) is entry
    assert find_entry("", "", entry.engine, "0" * 64) is None


def test_files_of_other_programs_stay_as_they_are(machine: SearchedMachine) -> None:
    ollama_model(machine.ollama, f"{LIBRARY}/chat/latest", {"model": MODEL})
    hub_repository(machine.cache, "maker/text-onnx", HUB_TEXT_FILES)
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in machine.root.rglob("*")}
    machine.scan()
    assert {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in machine.root.rglob("*")} == before


def test_places_of_other_programs_are_those_that_they_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = ForeignFolders.of_this_user()
    assert usual.ollama == (tmp_path / ".ollama/models", Path("/usr/share/ollama/.ollama/models"))
    assert usual.lm_studio == (tmp_path / ".lmstudio/models", tmp_path / ".cache/lm-studio/models")
    assert usual.hub_caches == (tmp_path / ".cache/huggingface/hub",)
    monkeypatch.setenv("OLLAMA_MODELS", "/big/ollama")
    monkeypatch.setenv("HF_HOME", "/big/hf")
    write_old(tmp_path / ".lmstudio-home-pointer", f"{tmp_path}/moved\n")
    write_old(tmp_path / "moved" / "settings.json", json.dumps({"downloadsFolder": "/big/lm"}))
    write_old(tmp_path / ".lmstudio" / "settings.json", '{"downloadsFolder": "\\u0000"}')
    moved = ForeignFolders.of_this_user()
    assert moved.ollama[0] == Path("/big/ollama")
    assert moved.lm_studio[:2] == (Path("/big/lm"), tmp_path / "moved" / "models")
    assert moved.hub_caches == (Path("/big/hf/hub"),)
    monkeypatch.setenv("HF_HUB_CACHE", "/other")
    assert ForeignFolders.of_this_user().hub_caches == (Path("/other"),)


def test_an_encoder_of_ollama_gives_vectors(machine: SearchedMachine) -> None:
    encoder = build_gguf({"general.architecture": "nomic-bert"}, [("t", (64, 64))])
    ollama_model(machine.ollama, f"{LIBRARY}/nomic-embed-text/latest", {"model": encoder})
    (model,) = machine.scan().models
    assert model.engine == "embedding"
