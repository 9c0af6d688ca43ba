from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.models.recognition import inspect_model
from tests.support.models.gguf_builder import build_gguf


@pytest.mark.parametrize(
    ("architecture", "kind", "engine"),
    [
        ("llama", "text", "llama"),
        ("qwen3", "text", "llama"),
        ("flux", "image", "diffusion"),
        ("sd1", "image", "diffusion"),
    ],
)
def test_gguf_is_known_by_its_architecture(tmp_path: Path, architecture: str, kind: str, engine: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": architecture}))
    files = inspect_model(path)
    assert (files.path, files.kinds, files.engine) == (path, (kind,), engine)


def test_gguf_without_architecture_is_known_by_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({}, tensors=[("model.diffusion_model.out.0.bias", (8,))]))
    assert inspect_model(path).engine == "diffusion"
    path.write_bytes(build_gguf({}))
    with pytest.raises(ModelError, match=r"got none \(general\.architecture\)"):
        inspect_model(path)


@pytest.mark.parametrize(("architecture", "what"), [("whisper", "got a Whisper model as GGUF"), ("clip", "projector")])
def test_gguf_that_no_engine_runs_is_refused(tmp_path: Path, architecture: str, what: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": architecture}))
    with pytest.raises(ModelError, match=what):
        inspect_model(path)


def test_split_gguf_needs_all_parts_and_opens_the_first(tmp_path: Path) -> None:
    names = [f"m-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    for name in names[:2]:
        (tmp_path / name).write_bytes(build_gguf())
    with pytest.raises(ModelError, match="m-00003-of-00003"):
        inspect_model(tmp_path / names[1])
    (tmp_path / names[2]).write_bytes(build_gguf())
    assert inspect_model(tmp_path / names[1]).path == tmp_path / names[0]
    assert inspect_model(tmp_path).path == tmp_path / names[0]


@pytest.mark.parametrize(
    ("names", "opened", "kind", "engine"),
    [
        (["model.bin", "config.json"], ".", "speech", "whisper"),
        (["sd.safetensors"], "sd.safetensors", "image", "diffusion"),
        (["sd.ckpt", "sd.onnx"], "sd.ckpt", "image", "diffusion"),
    ],
)
def test_folders_are_known_by_their_files(
    tmp_path: Path, names: list[str], opened: str, kind: str, engine: str
) -> None:
    for name in names:
        (tmp_path / name).write_text("{}")
    files = inspect_model(tmp_path)
    assert (files.path, files.kinds, files.engine) == (tmp_path / opened, (kind,), engine)


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model.onnx"])
@pytest.mark.parametrize("spec", ["folder", "file"])
def test_an_onnx_model_is_refused_and_its_format_is_named(tmp_path: Path, name: str, spec: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"\x08")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"expected a \.safetensors .*, a GGUF file, .*, got an ONNX model$"):
        inspect_model(tmp_path if spec == "folder" else file)


@pytest.mark.parametrize("names", [[], ["config.json", "model.safetensors"], ["readme.md"]])
def test_folder_without_a_model_says_what_is_expected(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelError, match=r"expected .* a GGUF file, .* got a folder with no model in it"):
        inspect_model(tmp_path)


def test_folder_with_two_models_asks_for_one(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(build_gguf())
    with pytest.raises(ModelError, match=r"name one of them: a\.gguf, b\.gguf"):
        inspect_model(tmp_path)
