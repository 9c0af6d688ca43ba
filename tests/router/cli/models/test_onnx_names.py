"""ONNX models on the command line: how they are marked, and the names that they are served by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from tests.support.launching import settings_of
from tests.support.models.gguf_builder import build_gguf
from tests.support.onnx.folders import ENCODER, TEXT, make_folder


def test_a_folder_is_served_by_its_name(started: dict[str, Any], tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "minilm", ENCODER)
    for given in (folder, folder / "onnx", folder / "onnx" / "model.onnx"):
        (model,) = settings_of(started, "onnx", str(given)).models
        assert (model.name, model.engine, model.kinds) == ("minilm", "onnx-embedding", ("embedding",))
        assert model.path == str(folder / "onnx" / "model.onnx")


def test_the_word_counts_for_all_models_after_it(started: dict[str, Any], tmp_path: Path) -> None:
    gguf = tmp_path / "a.gguf"
    gguf.write_bytes(build_gguf({"general.architecture": "llama"}))
    folders = [str(make_folder(tmp_path / name, ENCODER)) for name in ("b", "c")]
    models = settings_of(started, str(gguf), "onnx", f"{folders[0]}@slots=2", "--slots", "3", folders[1]).models
    assert [(model.engine, model.slots) for model in models] == [
        ("llama", 3),
        ("onnx-embedding", 2),
        ("onnx-embedding", 3),
    ]
    models = settings_of(started, f"onnx:{folders[0]}", str(gguf)).models
    assert [model.engine for model in models] == ["onnx-embedding", "llama"]


@pytest.mark.parametrize("first", ["gguf", "onnx"])
def test_a_name_of_both_formats_tells_them_apart(started: dict[str, Any], tmp_path: Path, first: str) -> None:
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(build_gguf({"general.architecture": "llama"}))
    folder = f"onnx:{make_folder(tmp_path / 'm', TEXT)}"
    words = [str(gguf), folder] if first == "gguf" else [folder, str(gguf)]
    models = {model.engine: model.name for model in settings_of(started, *words).models}
    assert models == {"llama": "m", "onnx-text": "m-onnx"}


def test_two_onnx_models_of_one_name_are_numbered(started: dict[str, Any], tmp_path: Path) -> None:
    folders = [str(make_folder(tmp_path / parent / "m", TEXT)) for parent in "ab"]
    assert [model.name for model in settings_of(started, "onnx", *folders).models] == ["m", "m-2"]


def test_environment_and_file_take_the_word_too(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path / "m", TEXT)
    config = tmp_path / "nexa.toml"
    config.write_text(f'model_path = ["echo", "onnx", "{folder}"]\n[models."onnx:{folder}"]\nslots = 5\n')
    assert [(model.engine, model.slots) for model in settings_of(started, "--config", str(config)).models] == [
        ("echo", 16),
        ("onnx-text", 5),
    ]
    monkeypatch.setenv("NEXA_MODEL_PATH", f"onnx,{folder}")
    assert settings_of(started).models[0].engine == "onnx-text"


def test_a_provider_may_be_an_option_of_one_model(started: dict[str, Any], tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m", TEXT)
    models = settings_of(started, "onnx", f"{folder}@onnx_provider=cuda", str(folder)).models
    assert [model.onnx_provider for model in models] == ["cuda", "cpu"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["onnx", "./none"], "model: expected an existing file or folder, got 'onnx:./none'"),
        (["onnx", "gemma3"], "(did you mean gemma3, which is no ONNX model?); all names: nexa list onnx"),
        (["onnx", "owner/repo"], "(did you mean onnx:hf:owner/repo?)"),
        (["onnx:hf:nothing"], "model: expected hf:owner/repo[:file-pattern], got "),
        (
            ["echo", "--onnx-provider", "npu"],
            "--onnx-provider: expected cpu or cuda or tensorrt or directml or openvino",
        ),
    ],
)
def test_errors_are_one_line(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["server", *words]) != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_missing_packages_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["server", "onnx", str(make_folder(tmp_path / "m", TEXT))]) == 1
    assert "make setup EXTRAS=onnx" in capsys.readouterr().err
