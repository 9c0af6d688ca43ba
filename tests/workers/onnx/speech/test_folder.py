"""What a folder lacks or says wrongly is one readable line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from workers.engine import EngineLoadError
from workers.onnx.speech.folder import WhisperFolder
from workers.onnx.speech.model import OnnxWhisper
from workers.whisper.options import WhisperOptions


@pytest.fixture
def copy(random_folder: Path, tmp_path: Path) -> Path:
    """A model's files, to be damaged."""
    return Path(shutil.copytree(random_folder / "pair", tmp_path / "whisper"))


def change(file: Path, **settings: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def load_error(folder: Path, provider: str = "cpu") -> str:
    options = WhisperOptions(str(folder / "onnx" / "encoder_model.onnx"), "whisper", threads=1)
    with pytest.raises(EngineLoadError) as error:
        OnnxWhisper(options, provider)
    message = str(error.value)
    assert "\n" not in message
    return message


def read(folder: Path) -> WhisperFolder:
    return WhisperFolder.read(folder / "onnx" / "encoder_model.onnx")


def test_the_settings_are_read(copy: Path) -> None:
    folder = read(copy)
    assert (folder.mels, folder.width, folder.layers, folder.heads, folder.positions) == (80, 16, 2, 2, 448)
    assert folder.suppressed_at_begin == (220, 50257)
    assert 50257 not in folder.suppressed
    assert folder.multilingual
    assert folder.decoders.first.name == "decoder_model.onnx"
    assert folder.decoders.next is not None
    assert folder.decoders.next.name == "decoder_with_past_model.onnx"


def test_without_known_heads_those_of_the_later_layers_are_used(copy: Path) -> None:
    change(copy / "generation_config.json", alignment_heads=None)
    assert read(copy).alignment_heads == ((1, 0), (1, 1))


def test_heads_that_the_model_has_are_used(copy: Path) -> None:
    change(copy / "generation_config.json", alignment_heads=[[1, 1], [9, 0], [0, 7], "x"])
    assert read(copy).alignment_heads == ((1, 1),)


def test_an_english_model_is_told_by_its_vocabulary(copy: Path) -> None:
    change(copy / "generation_config.json", is_multilingual=None)
    change(copy / "config.json", vocab_size=51864)
    assert not read(copy).multilingual


@pytest.mark.parametrize("value", [0, -1, "80", None, 10**9])
def test_a_wrong_number_is_named(copy: Path, value: object) -> None:
    change(copy / "config.json", num_mel_bins=value)
    assert f"num_mel_bins: expected 1 to 1024, got {value!r}" in load_error(copy)


def test_a_damaged_settings_file_is_named(copy: Path) -> None:
    (copy / "config.json").write_text("[")
    assert "config.json: expected JSON, got" in load_error(copy)


@pytest.mark.parametrize("name", ["encoder_model", "decoder_model", "decoder_with_past_model"])
def test_a_damaged_graph_is_named(copy: Path, name: str) -> None:
    file = copy / "onnx" / f"{name}.onnx"
    file.write_bytes(file.read_bytes()[:1000])
    assert f"onnx/{name}.onnx: " in load_error(copy)


def test_a_missing_decoder_is_named(copy: Path) -> None:
    (copy / "onnx" / "decoder_with_past_model.onnx").unlink()
    assert "expected a decoder beside encoder_model.onnx, got none" in load_error(copy)


def test_a_graph_that_is_no_decoder_is_named(copy: Path) -> None:
    shutil.copy(copy / "onnx" / "encoder_model.onnx", copy / "onnx" / "decoder_model.onnx")
    assert "decoder_model.onnx: expected a decoder with the outputs logits and 8 caches" in load_error(copy)


def test_a_tokenizer_of_another_model_is_named(copy: Path) -> None:
    change(copy / "config.json", vocab_size=1000)
    assert "expected a tokenizer of the 1000 tokens in config.json, got 51865" in load_error(copy)


def test_a_provider_that_is_not_there_is_named(copy: Path) -> None:
    assert load_error(copy, "directml").startswith("onnx_provider: expected cpu")


def test_another_graph_than_an_encoder_is_refused(copy: Path) -> None:
    shutil.copy(copy / "onnx" / "decoder_model.onnx", copy / "onnx" / "encoder_model.onnx")
    assert "expected an encoder with the input input_features, got " in load_error(copy)


def test_a_tokenizer_at_which_the_package_panics_is_refused(copy: Path) -> None:
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"], "continuing_subword_prefix": "##"}
    change(copy / "tokenizer.json", model=model)
    assert "tokenizer.json: expected a tokenizer, got damaged files" in load_error(copy)
