"""Models in the operator's folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.discovery import discovery
from shared.discovery.discovery import SETTLE_S
from shared.discovery.found import FoundModels, ModelPlace
from shared.engines import gguf_files
from shared.gguf.header import GGUFHeader, read_gguf_header
from shared.kinds import JobKind
from tests.support.models.foreign_stores import (
    IMAGE_CHECKPOINT,
    LONG_AGO_S,
    WHISPER_FOLDER,
    safetensors,
    write_old,
)
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.searched_machine import MODEL, SearchedMachine, names
from tests.support.onnx.folders import DIFFUSION, HUB_TEXT, TEXT, make_folder


def write_all(folder: Path, files: Mapping[str, object]) -> None:
    make_folder(folder, files)
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))


def reasons(found: FoundModels) -> str:
    return "\n".join(item.reason for item in found.unservable)


def test_models_of_all_forms_are_found_at_any_depth(machine: SearchedMachine) -> None:
    folder = machine.folder
    write_old(folder / "chat-Q4_K_M.gguf", MODEL)
    write_old(folder / "a" / "b" / "bert.gguf", build_gguf({"general.architecture": "bert"}, [("t", (64, 64))]))
    write_old(folder / "art" / "style.safetensors", IMAGE_CHECKPOINT)
    for name, content in WHISPER_FOLDER.items():
        write_old(folder / "whisper-x" / name, content)
    write_all(folder / "genai", TEXT)
    write_all(folder / "hub-text", HUB_TEXT)
    write_all(folder / "diffusion", DIFFUSION)
    found = machine.scan()
    assert {model.name: (model.engine, model.kinds[0]) for model in found.models} == {
        "chat-Q4_K_M": ("llama", JobKind.TEXT),
        "bert": ("embedding", JobKind.EMBEDDING),
        "style": ("diffusion", JobKind.IMAGE),
        "whisper-x": ("whisper", JobKind.SPEECH),
        "genai": ("onnx-text", JobKind.TEXT),
        "hub-text": ("onnx-text", JobKind.TEXT),
        "diffusion": ("onnx-images", JobKind.IMAGE),
    }
    chat = next(model for model in found.models if model.name == "chat-Q4_K_M")
    assert (chat.path, chat.size_bytes, chat.source) == (folder / "chat-Q4_K_M.gguf", len(MODEL), ModelPlace.FOLDER)
    assert chat.modified_s == LONG_AGO_S
    assert found.unservable == ()


def test_a_split_file_is_one_model_and_is_found_when_its_parts_are_here(machine: SearchedMachine) -> None:
    parts = [build_gguf({"general.architecture": "llama", "split.no": n, "split.count": 2}) for n in range(2)]
    write_old(machine.folder / "big-00001-of-00002.gguf", parts[0])
    found = machine.scan()
    assert names(found) == []
    assert "got none called big-00002-of-00002.gguf" in reasons(found)
    write_old(machine.folder / "big-00002-of-00002.gguf", parts[1])
    (model,) = machine.scan().models
    assert (model.name, model.path.name) == ("big", "big-00001-of-00002.gguf")
    assert model.size_bytes == sum(map(len, parts))


def test_files_that_accompany_models_are_none_and_nobody_is_told(machine: SearchedMachine) -> None:
    clip = build_gguf({"general.architecture": "clip"})
    write_old(machine.folder / "mmproj-model-f16.gguf", clip)
    write_old(machine.folder / "vision.gguf", clip)
    write_old(machine.folder / "t5xxl_q4.gguf", build_gguf({"general.architecture": "t5encoder"}))
    write_old(machine.folder / "style-lora.safetensors", safetensors("lora_unet.down", "lora_unet.up"))
    write_old(machine.folder / "readme.txt", "models")
    found = machine.scan()
    assert (found.models, found.unservable) == ((), ())


def test_what_cannot_be_served_has_a_reason(machine: SearchedMachine) -> None:
    folder = machine.folder
    write_old(folder / "cut.gguf", MODEL[:-100])
    write_old(folder / "page.gguf", "<!doctype html>")
    write_old(folder / "cut.safetensors", IMAGE_CHECKPOINT[:-1])
    write_old(folder / "llm" / "config.json", "{}")
    write_old(folder / "llm" / "model.safetensors", safetensors("t"))
    write_old(folder / "translator" / "config.json", "{}")
    write_old(folder / "translator" / "model.bin", b"\x06\0\0\0\x10\0TransformerSpec\0")
    found = machine.scan()
    assert found.models == ()
    said = {item.path.relative_to(folder).as_posix(): item.reason for item in found.unservable}
    assert "the file is truncated" in said["cut.gguf"]
    assert "got an HTML page" in said["page.gguf"]
    assert "the file is truncated" in said["cut.safetensors"]
    assert "got one for transformers" in said["llm"]
    assert "expected a Whisper model" in said["translator"]
    assert len(said) == 5
    assert "\n" not in "".join(said.values())


def test_a_file_that_is_still_written_is_not_offered(machine: SearchedMachine) -> None:
    file = write_old(machine.folder / "fresh.gguf", MODEL)
    os.utime(file, (machine.now_s - SETTLE_S / 2,) * 2)
    write_old(machine.folder / "fetched.gguf", MODEL)
    write_old(machine.folder / "fetched.gguf.aria2")
    write_old(machine.folder / "other.gguf.part", MODEL)
    searched = machine.discovery()
    found = searched.scan()
    assert names(found) == []
    assert [path.name for path in found.unfinished] == ["fetched.gguf", "fresh.gguf"]
    machine.now_s += SETTLE_S
    (machine.folder / "fetched.gguf.aria2").unlink()
    assert names(searched.scan()) == ["fetched", "fresh"]


def test_a_model_that_is_only_touched_stays(machine: SearchedMachine) -> None:
    file = write_old(machine.folder / "chat.gguf", MODEL)
    searched = machine.discovery()
    searched.scan()
    os.utime(file, (machine.now_s, machine.now_s))
    assert names(searched.scan()) == ["chat"]
    file.write_bytes(MODEL + b"more")
    os.utime(file, (machine.now_s, machine.now_s))
    assert names(searched.scan()) == []


def test_nothing_is_read_again_unless_it_has_changed(machine: SearchedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def read_noted(path: Path) -> GGUFHeader:
        read.append(path.name)
        return read_gguf_header(path)

    monkeypatch.setattr(gguf_files, "read_gguf_header", read_noted)
    for name in ("a.gguf", "b.gguf", "broken.gguf"):
        write_old(machine.folder / name, MODEL if name != "broken.gguf" else b"")
    searched = machine.discovery()
    first = searched.scan()
    assert sorted(read) == ["a.gguf", "b.gguf", "broken.gguf"]
    assert searched.scan() == first
    assert len(read) == 3
    (machine.folder / "a.gguf").unlink()
    write_old(machine.folder / "b.gguf", MODEL + b"\0")
    assert names(searched.scan()) == ["b"]
    assert read[3:] == ["b.gguf"]


def test_links_are_followed_and_a_file_with_two_names_is_one_model(machine: SearchedMachine, tmp_path: Path) -> None:
    elsewhere = write_old(tmp_path / "disk" / "far.gguf", MODEL)
    (machine.folder / "near").symlink_to(elsewhere.parent)
    (machine.folder / "best.gguf").symlink_to(elsewhere)
    (machine.folder / "loop").symlink_to(machine.folder)
    (machine.folder / "itself").symlink_to("itself")
    (machine.folder / "lost.gguf").symlink_to("nowhere")
    found = machine.scan()
    assert [(model.name, model.aliases) for model in found.models] == [("best", ("far",))]
    assert found.unservable == ()


def test_equal_names_are_numbered_and_stay_as_they_are(machine: SearchedMachine) -> None:
    write_old(machine.folder / "b" / "chat.gguf", MODEL)
    searched = machine.discovery()
    (first,) = searched.scan().models
    older = write_old(machine.folder / "a" / "chat.gguf", MODEL + b"\0")
    found = searched.scan()
    assert {model.path: model.name for model in found.models} == {first.path: "chat", older: "chat-2"}
    assert names(machine.discovery().scan(taken={"chat"})) == ["chat-2", "chat-3"]


def test_a_model_that_is_served_already_is_left_out(machine: SearchedMachine) -> None:
    file = write_old(machine.folder / "chat.gguf", MODEL)
    assert machine.discovery().scan(served=[file]).models == ()


def test_at_most_so_many_models_are_found(machine: SearchedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MAX_MODELS", 2)
    for number in range(3):
        write_old(machine.folder / f"m{number}.gguf", MODEL)
    found = machine.scan()
    assert names(found) == ["m0", "m1"]
    assert reasons(found) == "expected at most 2 models, got more"
