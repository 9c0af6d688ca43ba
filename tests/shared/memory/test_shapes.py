"""What tokens and sequences of well-known models take, by the published shapes of their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.gguf.header import GGUFHeader, Scalar
from shared.gguf.tensors import TensorInfo
from shared.kinds import JobKind
from shared.memory.placement import place_text
from shared.memory.shape import TextShape, shape_of
from shared.settings import ModelSettings

F16 = 1
Dims = tuple[int, ...]


def shape(architecture: str, layers: int, block: Mapping[str, Dims], **keys: int) -> TextShape:
    metadata: dict[str, Scalar] = {f"{architecture}.{name.replace('__', '.')}": value for name, value in keys.items()}
    tensors = [
        TensorInfo(f"blk.{layer}.{name}.weight", dims, F16, 0)
        for layer in range(layers)
        for name, dims in block.items()
    ]
    header = GGUFHeader(Path("m.gguf"), 3, "little", architecture, metadata, {}, tuple(tensors), 0, 0)
    return shape_of([header])


@pytest.mark.parametrize(
    ("model", "bytes_per_token"),
    [
        (shape("llama", 32, {"attn_k": (4096, 1024), "attn_v": (4096, 1024)}), 131_072),  # Llama 3 8B
        (shape("qwen3moe", 48, {"attn_k": (2048, 512), "attn_v": (2048, 512)}), 98_304),  # Qwen3-30B-A3B
        (shape("gemma3", 34, {"attn_k": (2560, 1024), "attn_v": (2560, 1024)}), 139_264),  # Gemma 3 4B
        (shape("gemma3", 18, {"attn_k": (640, 256), "attn_v": (640, 256)}), 18_432),  # Gemma 3 270M
        (shape("llama", 30, {"attn_k": (576, 192), "attn_v": (576, 192)}), 23_040),  # SmolLM2-135M
        (shape("deepseek2", 61, {"attn_kv_a_mqa": (7168, 576), "attn_k_b": (128, 512, 128)}), 70_272),  # DeepSeek V3
        (
            shape(
                "phi3",
                32,
                {"attn_qkv": (3072, 9216)},
                embedding_length=3072,
                attention__head_count=32,
                attention__head_count_kv=32,
            ),
            393_216,
        ),  # Phi-3 mini, with queries, keys and values in one matrix
    ],
    ids=["llama3-8b", "qwen3-30b-a3b", "gemma3-4b", "gemma3-270m", "smollm2", "deepseek-v3", "phi3-mini"],
)
def test_a_token_takes_what_is_known_of_the_model(model: TextShape, bytes_per_token: int) -> None:
    assert model.kv_bytes_per_token("f16", "f16") == bytes_per_token


def test_quantized_caches_take_their_share() -> None:
    model = shape("llama", 32, {"attn_k": (4096, 1024), "attn_v": (4096, 1024)})
    assert model.kv_bytes_per_token("q8_0", "q8_0") == 131_072 / 2 * 34 / 32
    assert model.kv_bytes_per_token("f16", "q4_0") == 131_072 / 2 * (1 + 18 / 64)


def test_layers_that_use_the_cache_of_earlier_ones_take_nothing() -> None:
    block = {"attn_k": (2048, 512), "attn_v": (2048, 512)}
    model = shape("gemma3n", 30, block, attention__shared_kv_layers=10)
    assert model.kv_bytes_per_token("f16", "f16") == 20 * 2 * 512 * 2


def test_a_recurrent_layer_takes_the_same_for_a_sequence_of_any_length() -> None:
    """Mamba 130M: 24 layers, states of 16 values for 1536 channels, a convolution over 4 tokens."""
    keys = {"ssm__inner_size": 1536, "ssm__state_size": 16, "ssm__conv_kernel": 4}
    model = shape("mamba", 24, {"ssm_in": (768, 3072)}, **keys)
    assert model.kv_bytes_per_token("f16", "f16") == 0
    assert sum(layer.state_bytes for layer in model.layers) == 24 * (16 * 1536 + 3 * 1536) * 4


def test_an_encoder_keeps_nothing() -> None:
    model = shape("bert", 6, {"attn_k": (384, 384), "attn_v": (384, 384)})
    assert model.kv_bytes_per_token("f16", "f16") == 0


GEMMA_BLOCK = {"attn_k": (2560, 1024), "attn_v": (2560, 1024)}


@pytest.mark.parametrize(
    ("architecture", "keys", "windows"),
    [
        ("gemma3", {"attention__sliding_window": 1024}, 10),  # all but each sixth
        ("gemma3", {"attention__sliding_window": 1024, "attention__sliding_window_pattern": 3}, 8),
        ("gemma2", {"attention__sliding_window": 4096}, 6),
        ("gemma3", {}, 0),
        ("unknown", {"attention__sliding_window": 1024}, 0),
    ],
    ids=["gemma3", "pattern", "gemma2", "without", "unknown"],
)
def test_layers_with_a_sliding_window_are_known(architecture: str, keys: dict[str, int], windows: int) -> None:
    model = shape(architecture, 12, GEMMA_BLOCK, **keys)
    assert sum(layer.has_window for layer in model.layers) == windows
    assert model.window == (keys.get("attention__sliding_window", 0) if windows else 0)


@pytest.mark.parametrize(
    ("swa_full", "context_tokens", "cells_in_windows"),
    [("auto", 131_072, 25_088), ("auto", 32_768, 32_768), ("on", 131_072, 131_072), ("off", 32_768, 25_088)],
)
def test_windows_are_planned_as_they_are_made(swa_full: str, context_tokens: int, cells_in_windows: int) -> None:
    model = shape("gemma3", 12, GEMMA_BLOCK, attention__sliding_window=1024)
    settings = ModelSettings(
        name="m", kinds=(JobKind.TEXT,), engine="llama", path="m", swa_full=swa_full, context_tokens=context_tokens
    )
    assert place_text(model, settings).kv_bytes == (10 * cells_in_windows + 2 * context_tokens) * 2 * 1024 * 2
