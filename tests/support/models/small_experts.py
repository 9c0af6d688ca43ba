"""A small model with experts and random weights: Qwen3 with a mixture of them in each layer."""

from __future__ import annotations

from tests.support.models.small_encoders import SmallModel

LAYERS, EXPERTS = 3, 4

_WIDTH, _HEADS, _HEAD, _FEED_FORWARD = 64, 4, 16, 32


def small_experts(seed: int = 0) -> SmallModel:
    """The model. Its heads have 16 numbers, which the blocks of quantized caches do not divide."""
    shape = {
        "block_count": LAYERS,
        "context_length": 256,
        "embedding_length": _WIDTH,
        "feed_forward_length": _FEED_FORWARD,
        "expert_feed_forward_length": _FEED_FORWARD,
        "expert_count": EXPERTS,
        "expert_used_count": 2,
        "attention.head_count": _HEADS,
        "attention.head_count_kv": _HEADS,
        "attention.key_length": _HEAD,
        "attention.value_length": _HEAD,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 10_000.0,
    }
    model = SmallModel("qwen2", {"general.architecture": "qwen3moe", **_prefixed(shape)}, seed)
    model.draw("token_embd.weight", len(model.vocabulary.texts), _WIDTH)
    model.draw("output_norm.weight", _WIDTH, spread=0.1, mean=1.0)
    model.draw("output.weight", len(model.vocabulary.texts), _WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for part, size in (("attn_norm", _WIDTH), ("ffn_norm", _WIDTH), ("attn_q_norm", _HEAD), ("attn_k_norm", _HEAD)):
            model.draw(f"{block}{part}.weight", size, spread=0.1, mean=1.0)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            model.draw(f"{block}{part}.weight", _WIDTH, _WIDTH)
        model.draw(f"{block}ffn_gate_inp.weight", EXPERTS, _WIDTH)
        for part in ("ffn_gate_exps", "ffn_up_exps"):
            model.draw(f"{block}{part}.weight", EXPERTS, _FEED_FORWARD, _WIDTH)
        model.draw(f"{block}ffn_down_exps.weight", EXPERTS, _WIDTH, _FEED_FORWARD)
    return model


def _prefixed(shape: dict[str, int | float]) -> dict[str, int | float]:
    return {f"qwen3moe.{key}": value for key, value in shape.items()}
