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
        ("bert", "embedding", "embedding"),
        ("nomic-bert", "embedding", "embedding"),
        ("modern-bert", "embedding", "embedding"),
        ("jina-bert-v2", "embedding", "embedding"),
        ("gemma-embedding", "embedding", "embedding"),
    ],
)
def test_gguf_is_known_by_its_architecture(tmp_path: Path, architecture: str, kind: str, engine: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": architecture}))
    files = inspect_model(path)
    assert (files.path, files.kinds, files.engine) == (path, (kind,), engine)


@pytest.mark.parametrize(
    ("metadata", "tensors", "kind", "engine"),
    [
        ({"qwen3.pooling_type": 3}, (), "embedding", "embedding"),
        ({"qwen3.pooling_type": 0}, (), "text", "llama"),
        ({"qwen3.pooling_type": 4}, (), "rerank", "embedding"),
        ({"bert.pooling_type": 4, "general.architecture": "bert"}, (), "rerank", "embedding"),
        ({"bert.pooling_type": 1, "general.architecture": "bert"}, ("cls.output.weight",), "rerank", "embedding"),
        ({"general.architecture": "jina-bert-v2"}, ("cls.weight",), "rerank", "embedding"),
        ({"general.name": "Qwen3 Reranker 0.6B"}, (), "rerank", "embedding"),
        ({"general.name": "Qwen3 8B"}, (), "text", "llama"),
    ],
)
def test_embedding_models_and_rerankers_are_known_by_pooling_classifier_and_name(
    tmp_path: Path, metadata: dict[str, str | int], tensors: tuple[str, ...], kind: str, engine: str
) -> None:
    path = tmp_path / "m.gguf"
    named = [(name, (8,)) for name in ("token_embd.weight", *tensors)]
    path.write_bytes(build_gguf({"general.architecture": "qwen3", **metadata}, named))
    files = inspect_model(path)
    assert (files.kinds, files.engine) == ((kind,), engine)


def test_gguf_without_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({}))
    with pytest.raises(ModelError, match=r"got none \(general\.architecture\)"):
        inspect_model(path)


@pytest.mark.parametrize(
    ("architecture", "what"),
    [
        ("whisper", "got a Whisper model as GGUF"),
        ("clip", "got the projector of a multimodal model"),
        ("t5", "got an encoder-decoder model"),
        ("t5encoder", "got a text encoder"),
        ("wavtokenizer-dec", "got an audio decoder"),
        ("eagle3", "got a draft model"),
        ("controlvector", "got a control vector"),
    ],
)
def test_gguf_that_no_engine_runs_is_refused(tmp_path: Path, architecture: str, what: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": architecture}))
    with pytest.raises(ModelError, match=what):
        inspect_model(path)


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ({"general.architecture": "llama", "general.type": "mmproj"}, "the projector of a multimodal model"),
        ({"general.architecture": "llama", "general.type": "adapter"}, r"an adapter \(LoRA\)"),
        ({"general.type": "imatrix"}, "an importance matrix"),
        ({"general.architecture": "llama", "general.type": "vocab"}, "a vocabulary without a model"),
        (
            {"general.architecture": "llama", "split.no": 1, "split.count": 3},
            "part 2 of 3 of a model; its parts must be called NAME-00001-of-00003.gguf and so on",
        ),
        ({"general.architecture": "llama", "split.no": 0, "split.count": 2}, "part 1 of 2 of a model"),
    ],
)
def test_a_file_that_only_accompanies_a_model_is_refused_by_its_header(
    tmp_path: Path, metadata: dict[str, str | int], what: str
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf(metadata))
    with pytest.raises(ModelError, match=rf"m\.gguf: expected a model, got {what}"):
        inspect_model(path)


def test_a_gguf_without_tensors_is_a_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf(tensors=()))
    with pytest.raises(ModelError, match="got a vocabulary without a model"):
        inspect_model(path)


@pytest.mark.parametrize(
    "helper",
    ["mmproj-model-f16.gguf", "m.imatrix.gguf", "m-lora.gguf", "m-draft.gguf", "ggml-vocab-m.gguf", "._m.gguf"],
)
def test_the_model_of_a_folder_is_found_beside_files_that_accompany_it(tmp_path: Path, helper: str) -> None:
    for name in ("m.gguf", helper):
        (tmp_path / name).write_bytes(build_gguf())
    assert inspect_model(tmp_path).path == tmp_path / "m.gguf"


def test_the_model_of_a_folder_is_found_by_the_headers_if_the_names_do_not_tell(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(build_gguf({"general.architecture": "clip", "general.type": "mmproj"}))
    (tmp_path / "b.gguf").write_bytes(build_gguf())
    assert inspect_model(tmp_path).path == tmp_path / "b.gguf"


def test_a_folder_with_nothing_but_a_projector_says_so(tmp_path: Path) -> None:
    (tmp_path / "mmproj-m.gguf").write_bytes(build_gguf({"general.architecture": "clip", "general.type": "mmproj"}))
    with pytest.raises(ModelError, match=r"mmproj-m\.gguf: expected a model, got the projector"):
        inspect_model(tmp_path)


def test_a_model_whose_name_sounds_like_a_helper_is_served(tmp_path: Path) -> None:
    path = tmp_path / "qwen3-0.6b-draft.gguf"
    path.write_bytes(build_gguf())
    assert inspect_model(path).engine == inspect_model(tmp_path).engine == "llama"


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
        (["sd.ckpt", "sd.onnx"], "sd.ckpt", "image", "diffusion"),
        (["sd.ckpt", "vae.safetensors", "my-lora.safetensors"], "sd.ckpt", "image", "diffusion"),
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
    with pytest.raises(
        ModelError,
        match=r"expected a checkpoint \(.*\), a GGUF file, .*, got an ONNX model; put the word onnx before it$",
    ):
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
