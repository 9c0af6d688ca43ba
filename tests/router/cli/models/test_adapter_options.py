"""The option ``adapters``: what it may name, and how it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from router.cli.models.files import with_files
from router.cli.models.finding import find_models
from shared.discovery.served import DiscoveredModels
from shared.settings import ServerSettings
from shared.settings.loading import load_options
from shared.settings.model import SingleModelOptions
from shared.settings.option import OptionError
from tests.support.models.gguf_builder import build_gguf

ADAPTER = build_gguf(
    {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora"},
    [("blk.0.w.lora_a", (8, 2)), ("blk.0.w.lora_b", (2, 4))],
)
MODEL = build_gguf(tensors=[("blk.0.w", (8, 4))])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.gguf").write_bytes(MODEL)
    (tmp_path / "loras").mkdir()
    for name in ("a", "b"):
        (tmp_path / "loras" / f"{name}.gguf").write_bytes(ADAPTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def adapters(folder: Path, option: str) -> list[str]:
    loaded = load_options({"model_path": [f"./model.gguf@{option}"]}, None)
    (model,) = find_models([with_files(each) for each in loaded.models], ())
    return [text.replace(str(folder), "~") for text in model.adapters]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("adapters=loras/a.gguf", ["a=~/loras/a.gguf:1"]),
        ("adapters=x=loras/a.gguf:0.5,adapters=loras/b.gguf", ["x=~/loras/a.gguf:0.5", "b=~/loras/b.gguf:1"]),
        ("adapters=loras/a.gguf,loras/b.gguf,slots=2", ["a=~/loras/a.gguf:1", "b=~/loras/b.gguf:1"]),
        ("adapters=loras", ["a=~/loras/a.gguf:1", "b=~/loras/b.gguf:1"]),
    ],
)
def test_adapters_of_the_command_line_become_names_and_absolute_paths(
    folder: Path, option: str, expected: list[str]
) -> None:
    assert adapters(folder, option) == expected


def test_adapters_of_the_toml_file(folder: Path) -> None:
    config = folder / "nexa.toml"
    config.write_text('[models."./model.gguf"]\nadapters = ["tone=loras/a.gguf:2", "loras/b.gguf"]\n')
    (model,) = find_models([with_files(each) for each in load_options({}, str(config)).models], ())
    assert [text.split("=")[0] for text in model.adapters] == ["tone", "b"]


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("adapters=none.gguf", "expected an existing file or folder, got '.*none.gguf'"),
        ("adapters=.", "general.type"),
        ("adapters=model.gguf", "expected a LoRA adapter with general.type 'adapter', as its model needs it, got none"),
        ("adapters=x=loras/a.gguf,adapters=x=loras/b.gguf", "different names, got two called 'x'"),
        ("adapters=x=", "expected a list of LoRA files"),
    ],
)
def test_a_wrong_adapter_is_refused_with_the_option_that_names_it(folder: Path, option: str, problem: str) -> None:
    with pytest.raises(OptionError, match=rf"^\./model\.gguf@adapters: .*{problem}"):
        adapters(folder, option)


def test_other_engines_take_no_adapters(folder: Path) -> None:
    loaded = load_options({"model_path": ["echo@adapters=loras/a.gguf"]}, None)
    with pytest.raises(OptionError, match=r"^echo@adapters: expected none, since adapters are for text"):
        find_models([with_files(each) for each in loaded.models], ())


def test_a_model_that_is_found_has_the_adapters_of_its_table_or_is_not_served(folder: Path) -> None:
    os.utime(folder / "model.gguf", (0, 0))  # one that was written just now might not be whole
    for name, count in (("a", 1), ("broken", 0)):
        (folder / "loras" / "broken.gguf").write_bytes(ADAPTER[:-10])
        table = SingleModelOptions(adapters=(f"{name}={folder}/loras/{name}.gguf:1",))
        settings = ServerSettings(
            models=(), run_folder="", model_folders=(str(folder),), table_options={"model": table}
        )
        assert len(DiscoveredModels(settings).refresh()) == count
