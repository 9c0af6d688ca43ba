"""What config.json says of a decoder in the hub's layout, and what its graph must have."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import onnxruntime
import pytest

from tests.support.onnx.graphs import build_onnx
from workers.engine import EngineLoadError
from workers.onnx.text.decoding.hub_layout import check_inputs, has_grouped_attention, read_hub_settings

CACHES = ("0.key", "0.value", "1.key", "1.value")
INPUTS = ("input_ids", "attention_mask", *(f"past_key_values.{cache}" for cache in CACHES))
OUTPUTS = ("logits", *(f"present.{cache}" for cache in CACHES))
LLAMA = {
    "model_type": "llama",
    "max_position_embeddings": 8192,
    "hidden_size": 576,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
}


class NamesOnly:
    """A graph of which only the names are known."""

    def __init__(self, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        self._inputs, self._outputs = inputs, outputs

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self._inputs]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self._outputs]


def session(inputs: tuple[str, ...] = INPUTS, outputs: tuple[str, ...] = OUTPUTS) -> onnxruntime.InferenceSession:
    return cast("onnxruntime.InferenceSession", NamesOnly(inputs, outputs))


def write(folder: Path, config: dict[str, Any], operation: str = "MatMul") -> Path:
    """A folder with these settings. Returns its graph."""
    (folder / "onnx").mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    graph = folder / "onnx" / "model.onnx"
    graph.write_bytes(build_onnx(operation=operation))
    return graph


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LLAMA, ("llama", 8192, 64, 3)),
        (LLAMA | {"head_dim": 128}, ("llama", 8192, 128, 3)),
        ({"model_type": "gpt2", "n_positions": 1024, "n_embd": 768, "n_head": 12}, ("gpt2", 1024, 64, 12)),
        ({"model_type": "gemma3", "head_dim": 1, "text_config": LLAMA | {"head_dim": 256}}, ("llama", 8192, 256, 3)),
        (LLAMA | {"model_type": "phi3", "max_position_embeddings": 131072}, ("phi3", 4096, 64, 3)),
    ],
)
def test_settings_are_those_of_the_config(
    tmp_path: Path, config: dict[str, Any], expected: tuple[str, int, int, int]
) -> None:
    settings = read_hub_settings(tmp_path, write(tmp_path, config), session())
    assert (settings.type, settings.trained_tokens, settings.head_size, settings.heads) == expected
    assert (settings.names.past, settings.names.present) == (INPUTS[2:], OUTPUTS[1:])
    assert settings.graph == tmp_path / "onnx" / "model.onnx"


@pytest.mark.parametrize(("operation", "grouped"), [("MatMul", False), ("GroupQueryAttention", True)])
def test_only_an_attention_that_knows_lengths_shares_a_buffer(tmp_path: Path, operation: str, grouped: bool) -> None:
    graph = write(tmp_path, LLAMA, operation)
    assert has_grouped_attention(graph) == grouped
    assert read_hub_settings(tmp_path, graph, session()).shares_buffer == grouped


@pytest.mark.parametrize(
    ("inputs", "outputs", "missing"),
    [
        (("input_ids", "attention_mask"), ("logits",), r"past_key_values\.0\.key"),
        (INPUTS[:-1], OUTPUTS, r"past_key_values\.1\.value"),
        (INPUTS[1:], OUTPUTS, "input_ids"),
        (INPUTS, ("last_hidden_state", "sentence_embedding"), r"logits, present\.0\.key, present\.0\.value, \.\.\."),
    ],
)
def test_a_graph_without_what_a_decoder_has_is_refused(
    tmp_path: Path, inputs: tuple[str, ...], outputs: tuple[str, ...], missing: str
) -> None:
    graph = write(tmp_path, LLAMA)
    with pytest.raises(
        EngineLoadError, match=rf"^onnx/model\.onnx: expected a decoder with {missing}, got a graph without$"
    ):
        read_hub_settings(tmp_path, graph, session(inputs, outputs))


def test_a_graph_that_wants_more_is_refused() -> None:
    with pytest.raises(EngineLoadError, match=r"^onnx/m\.onnx: .* only, got one with inputs_embeds, past_conv\.0$"):
        check_inputs(Path("onnx/m.onnx"), session((*INPUTS, "inputs_embeds", "past_conv.0")), set(INPUTS))


def test_a_config_without_a_context_is_refused(tmp_path: Path) -> None:
    graph = write(tmp_path, {"model_type": "bloom"})
    with pytest.raises(
        EngineLoadError, match=r"^config\.json: expected max_position_embeddings from 1 to \d+, got none$"
    ):
        read_hub_settings(tmp_path, graph, session())
