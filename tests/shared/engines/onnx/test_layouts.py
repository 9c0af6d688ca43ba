"""Folders of ONNX models are recognised by their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.engines.onnx.folders import read_json
from shared.errors import ModelError
from shared.models.recognition import inspect_model
from tests.support.onnx.folders import DIFFUSION, ENCODER, HUB_TEXT, RERANKER, TEXT, WHISPER, make_folder

LAYOUTS = {
    "text": (TEXT, "", "onnx-text", "text"),
    "hub text": (HUB_TEXT, "onnx/model_q4.onnx", "onnx-text", "text"),
    "speech": (WHISPER, "onnx/encoder_model.onnx", "onnx-speech", "speech"),
    "images": (DIFFUSION, "", "onnx-images", "image"),
    "embedding": (ENCODER, "onnx/model.onnx", "onnx-embedding", "embedding"),
    "rerank": (RERANKER, "model.onnx", "onnx-embedding", "rerank"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_has_its_engine(tmp_path: Path, layout: str) -> None:
    content, opened, engine, kind = LAYOUTS[layout]
    files = inspect_model(make_folder(tmp_path, content), onnx=True)
    assert (files.path, files.engine, files.kinds) == (tmp_path / opened, engine, (kind,))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_the_mark_they_are_refused_with_the_word_that_is_missing(tmp_path: Path, layout: str) -> None:
    with pytest.raises(ModelError, match=r"got an ONNX model; put the word onnx before it$"):
        inspect_model(make_folder(tmp_path, LAYOUTS[layout][0]))


def test_a_marked_folder_without_an_onnx_model_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected an onnxruntime-genai folder .*, got a folder with no model in it$"):
        inspect_model(tmp_path, onnx=True)


@pytest.mark.parametrize("named", ["m.gguf", ""])
def test_a_marked_gguf_model_is_refused_with_the_word_that_is_too_much(tmp_path: Path, named: str) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"got a GGUF model; leave out the word onnx before it$"):
        inspect_model(tmp_path / named, onnx=True)


@pytest.mark.parametrize(
    ("content", "named", "opened"),
    [
        (ENCODER, "onnx/model_quantized.onnx", "onnx/model_quantized.onnx"),
        (ENCODER, "onnx", "onnx/model.onnx"),
        (WHISPER, "onnx/encoder_model_q4.onnx", "onnx/encoder_model_q4.onnx"),
        (WHISPER, "onnx", "onnx/encoder_model.onnx"),
        (TEXT, "model.onnx", ""),
        (HUB_TEXT, "onnx", "onnx/model_q4.onnx"),
        (HUB_TEXT, "onnx/model.onnx", "onnx/model.onnx"),
        (DIFFUSION, "unet", ""),
        (DIFFUSION, "unet/model.onnx", ""),
    ],
)
def test_a_file_or_inner_folder_names_the_variant(
    tmp_path: Path, content: dict[str, object], named: str, opened: str
) -> None:
    make_folder(tmp_path, content)
    assert inspect_model(tmp_path / named, onnx=True).path == tmp_path / opened


def test_a_text_model_may_be_in_a_folder_of_its_own(tmp_path: Path) -> None:
    inner = make_folder(tmp_path / "cpu_and_mobile" / "cpu-int4", TEXT)
    assert inspect_model(tmp_path, onnx=True).path == inner
    make_folder(tmp_path / "cuda" / "cuda-fp16", TEXT)
    with pytest.raises(ModelError, match=r"expected one ONNX text model, got 2; .*: cpu_and_mobile/cpu-int4, cuda/"):
        inspect_model(tmp_path, onnx=True)


@pytest.mark.parametrize(
    ("content", "without", "message"),
    [
        (HUB_TEXT, "tokenizer.json", r"expected tokenizer\.json beside the ONNX model, got none"),
        (ENCODER, "tokenizer.json", r"expected tokenizer\.json beside the ONNX model, got none"),
        (WHISPER, "tokenizer.json", r"expected a speech model with tokenizer\.json, got none"),
        (DIFFUSION, "vae_decoder/model.onnx", r"expected a Stable Diffusion model with vae_decoder/model\.onnx"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, content: dict[str, object], without: str, message: str) -> None:
    make_folder(tmp_path, {name: file for name, file in content.items() if name != without})
    with pytest.raises(ModelError, match=message):
        inspect_model(tmp_path, onnx=True)


@pytest.mark.parametrize(
    ("content", "changed", "message"),
    [
        (
            ENCODER,
            {"config.json": {"architectures": ["Gemma3ForConditionalGeneration"]}},
            "expected a text model without other inputs, got Gemma3ForConditionalGeneration",
        ),
        (
            WHISPER,
            {"config.json": {"model_type": "moonshine"}},
            "expected a Whisper model, got one of model_type 'moon",
        ),
        (TEXT, {"genai_config.json": {"model": {"type": "whisper"}}}, "expected a text model, got a speech model in"),
        (TEXT, {"genai_config.json": {}}, r"expected model\.type, the architecture of a model, got none"),
        (TEXT, {"genai_config.json": "{"}, "genai_config.json: expected JSON, got a file with an error"),
        (ENCODER, {"config.json": "[]"}, "config.json: expected a JSON object, got a value of another type"),
    ],
)
def test_other_models_are_refused_in_one_line(
    tmp_path: Path, content: dict[str, object], changed: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as error:
        inspect_model(make_folder(tmp_path, content | changed), onnx=True)
    assert "\n" not in str(error.value)


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ModelError, match=r"config\.json: cannot be read: Is a directory"):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("graphs", "opened"),
    [
        (["model.onnx", "model_fp16.onnx"], "model.onnx"),
        (["model_int8.onnx", "model_q4f16.onnx", "model.onnx"], "model_int8.onnx"),
        (["decoder_model_merged_quantized.onnx", "decoder_model.onnx"], "decoder_model_merged_quantized.onnx"),
        (["decoder_model_merged.onnx", "model.onnx"], "model.onnx"),
    ],
)
def test_the_graph_of_a_text_model_is_the_one_that_a_cpu_computes_soonest(
    tmp_path: Path, graphs: list[str], opened: str
) -> None:
    settings = {name: content for name, content in HUB_TEXT.items() if not name.startswith("onnx/")}
    make_folder(tmp_path, settings | dict.fromkeys(graphs, ""))
    files = inspect_model(tmp_path, onnx=True)
    assert (files.path, files.engine) == (tmp_path / opened, "onnx-text")


def test_settings_of_onnxruntime_genai_without_a_graph_beside_them_are_not_used(tmp_path: Path) -> None:
    content = {**HUB_TEXT, "genai_config.json": {"model": {"type": "llama"}}}
    assert inspect_model(make_folder(tmp_path, content), onnx=True).path == tmp_path / "onnx" / "model_q4.onnx"


@pytest.mark.parametrize("name", ["modules.json", "1_Pooling/config.json"])
def test_a_decoder_that_is_made_for_vectors_gives_vectors(tmp_path: Path, name: str) -> None:
    files = inspect_model(make_folder(tmp_path, HUB_TEXT | {name: "{}"}), onnx=True)
    assert (files.path, files.engine) == (tmp_path / "onnx" / "model.onnx", "onnx-embedding")


def test_a_decoder_of_speech_is_no_text_model(tmp_path: Path) -> None:
    config = {"config.json": {"model_type": "whisper", "architectures": ["WhisperForCausalLM"]}}
    assert inspect_model(make_folder(tmp_path, {**WHISPER, **config}), onnx=True).engine == "onnx-speech"
