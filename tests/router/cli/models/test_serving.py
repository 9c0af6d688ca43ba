"""``nexa server`` without a model, with folders of models, and with ``--all-models``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.launching import refusal, settings_of
from tests.support.models.foreign_stores import ollama_model, write_old
from tests.support.models.gguf_builder import build_gguf

MODEL = build_gguf(tensors=[("t", (64, 64))])


@pytest.fixture
def folder(tmp_path: Path, no_models: Path) -> Path:
    """A folder with a model, on a machine where Ollama has another."""
    ollama_model(no_models / ".ollama" / "models", "registry.ollama.ai/library/qwen/7b", {"model": MODEL + b"\0"})
    write_old(tmp_path / "gguf" / "chat.gguf", MODEL)
    return tmp_path / "gguf"


def served(started: dict[str, Any], *words: str) -> dict[str, tuple[str, str]]:
    return {model.name: (model.source, model.load) for model in settings_of(started, *words).models}


def test_without_a_model_all_that_are_here_are_served_on_demand(
    started: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {"chat": ("folder", "demand"), "qwen:7b": ("ollama", "demand")}
    settings = settings_of(started, "--model-folder", str(folder))
    assert {model.name: (model.source, model.load) for model in settings.models} == expected
    assert (settings.all_models, settings.model_folders) == (True, (str(folder),))
    printed = capsys.readouterr()
    assert printed.err == "nexa: found on this machine: chat, qwen:7b (where: nexa list --here)\n"
    assert served(started, "--no-foreign-models", "--model-folder", str(folder)) == {"chat": ("folder", "demand")}
    assert served(started) == {"qwen:7b": ("ollama", "demand")}


def test_with_a_model_only_folders_are_looked_through_unless_all_are_wanted(
    started: dict[str, Any], folder: Path
) -> None:
    words = ("echo", "--model-folder", str(folder))
    assert served(started, "echo") == {"echo": ("", "start")}
    assert served(started, *words) == {"echo": ("", "start"), "chat": ("folder", "demand")}
    assert list(served(started, *words, "--all-models")) == ["echo", "chat", "qwen:7b"]


def test_what_is_named_is_not_found_again(started: dict[str, Any], folder: Path) -> None:
    assert served(started, str(folder / "chat.gguf"), "--model-folder", str(folder)) == {"chat": ("", "start")}


def test_the_file_and_variables_say_it_too(
    started: dict[str, Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text(
        f'model_folders = ["{folder}"]\nall_models = true\nslots = 3\n'
        '[models.chat]\nslots = 2\nload = "start"\n[models.smollm2]\nslots = 1\n'
    )
    models = {model.name: model for model in settings_of(started, "--config", str(config)).models}
    assert {name: (model.slots, model.load) for name, model in models.items()} == {
        "chat": (2, "start"),
        "qwen:7b": (3, "demand"),
    }
    monkeypatch.setenv("NEXA_MODEL_FOLDERS", str(folder))
    assert list(served(started, "--load", "start")) == ["chat", "qwen:7b"]
    assert served(started, "--load", "start")["chat"] == ("folder", "start")


def test_aliases_may_be_of_found_models(started: dict[str, Any], folder: Path) -> None:
    settings = settings_of(started, "--model-folder", str(folder), "--alias", "chat=gpt-4")
    assert settings.models[0].aliases == ("gpt-4",)


def test_a_table_of_no_model_is_refused_with_the_nearest_name(
    started: dict[str, Any], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text(f'model_folders = ["{folder}"]\nall_models = true\n[models.chatt]\nslots = 2\n')
    code, line = refusal(capsys, "server", "--config", str(config))
    assert code == 2
    assert line.startswith("nexa: models.chatt: expected a model that is here or in the catalog")
    assert line.endswith("did you mean chat?")


def test_files_in_options_of_found_models_must_exist(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "server", "--model-folder", str(folder), "--vae", "none/here")
    assert (code, line) == (2, "nexa: --vae: expected an existing file or folder, got 'none/here'")
