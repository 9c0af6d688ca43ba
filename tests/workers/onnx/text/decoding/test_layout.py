from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workers.engine import EngineLoadError
from workers.onnx.text.decoding.layout import read_settings


def config(**decoder: Any) -> dict[str, Any]:
    """What the model builder of onnxruntime-genai writes for a small Llama."""
    return {
        "model": {
            "type": "llama",
            "context_length": 8192,
            "decoder": {
                "filename": "model.onnx",
                "head_size": 64,
                "num_hidden_layers": 2,
                "inputs": {
                    "input_ids": "input_ids",
                    "attention_mask": "attention_mask",
                    "past_key_names": "past_key_values.%d.key",
                    "past_value_names": "past_key_values.%d.value",
                },
                "outputs": {
                    "logits": "logits",
                    "present_key_names": "present.%d.key",
                    "present_value_names": "present.%d.value",
                },
                **decoder,
            },
        },
        "search": {"past_present_share_buffer": True},
    }


def write(folder: Path, value: Any) -> Path:
    """A folder with these settings."""
    (folder / "genai_config.json").write_text(json.dumps(value))
    return folder


def test_names_are_those_of_all_layers(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, config()))
    assert settings.names.past == (
        "past_key_values.0.key",
        "past_key_values.0.value",
        "past_key_values.1.key",
        "past_key_values.1.value",
    )
    assert settings.names.present == ("present.0.key", "present.0.value", "present.1.key", "present.1.value")
    assert (settings.graph, settings.trained_tokens) == (tmp_path / "model.onnx", 8192)
    assert (settings.is_plain, settings.shares_buffer) == (True, True)


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": {"input_ids": "input_ids", "past_conv_names": "past_conv.%d"}},
        {"pipeline": [{"embeddings": {"filename": "e.onnx"}}]},
        {"sliding_window": {"window_size": 128}},
    ],
)
def test_what_has_other_states_is_not_plain(tmp_path: Path, other: dict[str, Any]) -> None:
    assert not read_settings(write(tmp_path, config(**other))).is_plain


def test_a_model_that_rotates_long_texts_in_another_way_is_used_for_short_ones(tmp_path: Path) -> None:
    value = config()
    value["model"] |= {"type": "phi3", "context_length": 131072}
    assert read_settings(write(tmp_path, value)).trained_tokens == 4096


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"filename": "../model.onnx"}, "expected decoder.filename to name a file of its folder, got '../model.onnx'"),
        ({"filename": None}, "expected decoder.filename to name a file of its folder, got None"),
        ({"num_hidden_layers": 10**9}, "expected num_hidden_layers from 1 to 1024, got 1000000000"),
        ({"num_hidden_layers": True}, "expected num_hidden_layers from 1 to 1024, got True"),
        ({"head_size": "64"}, "expected decoder.head_size from 1 to 65536, got '64'"),
    ],
)
def test_settings_that_are_wrong_are_one_line(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineLoadError) as error:
        read_settings(write(tmp_path, config(**change)))
    assert str(error.value) == f"genai_config.json: {words}"


@pytest.mark.parametrize("value", [{}, {"model": {}}, {"model": {"decoder": []}}, {"model": {"encoder": {}}}])
def test_settings_without_a_decoder_are_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(EngineLoadError, match=r"genai_config.json: expected (model\.)?(model|decoder)"):
        read_settings(write(tmp_path, value))
