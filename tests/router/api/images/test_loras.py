"""The list of LoRA files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router.images.lora_files import lora_files
from tests.support.requests.a1111 import IMAGE_MODELS, naming_broker
from tests.support.router.client import ask
from tests.support.router.fake_broker import MODEL


def folder_with(tmp_path: Path, *names: str) -> str:
    folder = tmp_path / "loras"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"12345")
    return str(folder)


def test_files_are_listed_with_the_models_whose_folder_it_is(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "oil.safetensors", "ink.gguf", "notes.txt")
    broker = naming_broker(MODEL, *(model.model_copy(update={"lora_folder": folder}) for model in IMAGE_MODELS))
    rows: list[dict[str, Any]] = ask(broker, "GET", "/v1/loras").json()["data"]
    assert [(row["id"], row["file"], row["size_bytes"], row["models"]) for row in rows] == [
        ("ink", "ink.gguf", 5, ["sd1-5", "sdxl"]),
        ("oil", "oil.safetensors", 5, ["sd1-5", "sdxl"]),
    ]
    assert [row["models"] for row in ask(broker, "GET", "/v1/loras?model=sdxl").json()["data"]] == [["sdxl"]] * 2
    assert ask(broker, "GET", "/v1/loras?model=none").status_code == 404
    names = [row["name"] for row in ask(broker, "GET", "/sdapi/v1/loras").json()]
    assert names == ["ink", "oil"]


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert ask(naming_broker(*IMAGE_MODELS), "GET", "/v1/loras").json() == {"object": "list", "data": []}
    assert lora_files(str(tmp_path / "none")) == []
