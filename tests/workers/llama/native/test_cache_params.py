"""Types of the KV cache and scaled positions: what models can have, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings.placement import CACHE_TYPES, LlamaCppOptions
from tests.support.models.small_experts import small_experts
from workers.engine import EngineLoadError
from workers.llama.native.cache_params import refusal, trained_for
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice, DecoderSize

SIZE = DecoderSize(cells=256, sequences=2, context_tokens=256, batch_tokens=64, threads=2)


@pytest.mark.parametrize("kind", CACHE_TYPES)
def test_each_type_is_computed_with(model_path: Path, kind: str) -> None:
    model = LlamaModel(str(model_path), LlamaCppOptions(cache_type_k=kind, cache_type_v=kind), lambda fraction: None)
    decoder = model.open_decoder(SIZE)
    tokens = model.vocabulary.tokenize("The capital of France is", add_special=True, parse_special=False)
    logits = decoder.decode([BatchSlice(0, 0, tokens, 1)])
    assert model.vocabulary.detokenize([int(logits[0].argmax())]) == " Paris"
    decoder.close()
    model.close()


@pytest.mark.parametrize("part", ["cache_type_k", "cache_type_v"])
def test_heads_that_blocks_do_not_divide_are_refused(tmp_path: Path, part: str) -> None:
    path = small_experts().write(tmp_path / "experts.gguf")
    model = LlamaModel(str(path), LlamaCppOptions.model_validate({part: "q8_0"}), lambda fraction: None)
    expected = "f16, bf16 or f32 for a model with heads of 16, which blocks of 32 do not divide"
    with pytest.raises(EngineLoadError, match=f"^{part}: expected {expected}, got q8_0$"):
        model.open_decoder(SIZE)
    model.close()


def test_other_refusals_are_told_as_they_are() -> None:
    error = "llama_init_from_model: SPLIT_MODE_TENSOR requires flash_attn to be enabled"
    assert refusal(error) == (
        "llama.cpp refuses the options of the KV cache: SPLIT_MODE_TENSOR requires flash_attn to be enabled"
    )
    assert refusal("llama_init_from_model: failed to initialize the context: failed to allocate buffer") is None
    assert refusal("") is None


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({}, 8192),
        ({"rope_freq_scale": 0.25}, 32768),
        ({"rope_scaling": "yarn", "rope_freq_scale": 0.5, "yarn_orig_ctx": 32768}, 65536),
        ({"rope_scaling": "none"}, 8192),
        ({"yarn_orig_ctx": 4096}, 8192),
    ],
)
def test_scaled_positions_make_the_context_longer(options: dict[str, object], tokens: int) -> None:
    assert trained_for(LlamaCppOptions.model_validate(options), 8192) == tokens


def test_scaled_positions_reach_the_model(model_path: Path) -> None:
    rows = []
    for options in (LlamaCppOptions(), LlamaCppOptions(rope_scaling="linear", rope_freq_scale=0.25)):
        model = LlamaModel(str(model_path), options, lambda fraction: None)
        decoder = model.open_decoder(SIZE)
        rows.append(decoder.decode([BatchSlice(0, 0, list(range(100, 130)), 1)]).copy())
        decoder.close()
        model.close()
    assert abs(rows[0] - rows[1]).max() > 0.5
