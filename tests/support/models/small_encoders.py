"""Small models with random weights that give vectors or scores, and the same computed with numpy.

One is a BERT with a classifier of pairs, the other a Qwen3 that answers yes or no. They have real vocabularies.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.llama_cpp_models import llama_cpp_models
from scripts.make_gguf.file import GGUFTensor, entry_value, write_entries
from scripts.make_gguf.vocabulary import ARRAY, STRING, CopiedVocabulary, read_vocabulary

Array = NDArray[np.float32]
Entries = Mapping[str, str | bool | int | float]

WIDTH, HEADS, LAYERS, FEED_FORWARD, CONTEXT = 64, 4, 2, 96, 256
HEAD = WIDTH // HEADS
ROPE_BASE = 10_000.0
RMS_EPSILON, NORM_EPSILON = 1e-6, 1e-12

TEMPLATE = (
    "<|im_start|>system\nJudge.<|im_end|>\n<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
"""Of the Qwen3, in its metadata, with :data:`rerank` in its name."""

_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class SmallModel:
    """Weights by their names in GGUF, and the metadata of the file."""

    def __init__(self, vocabulary: str, entries: Entries, seed: int) -> None:
        self.vocabulary: CopiedVocabulary = read_vocabulary(llama_cpp_models() / f"ggml-vocab-{vocabulary}.gguf")
        self.entries = dict(entries)
        self.weights: dict[str, Array] = {}
        self._draw = np.random.default_rng(seed)

    def draw(self, name: str, *shape: int, spread: float = 1.0, mean: float = 0.0) -> None:
        """Random weights; matrices keep the variance of what they multiply."""
        scale = spread / np.sqrt(shape[-1]) if len(shape) > 1 else spread
        self.weights[name] = (mean + scale * self._draw.standard_normal(shape)).astype(np.float32)

    def write(self, path: Path, labels: tuple[str, ...] = ()) -> Path:
        """The file with these weights."""
        entries = {key: entry_value(value) for key, value in self.entries.items()}
        if labels:
            key = f"{self.entries['general.architecture']}.classifier.output_labels"
            entries[key] = struct.pack("<IIQ", ARRAY, STRING, len(labels)) + b"".join(
                struct.pack("<Q", len(label)) + label.encode() for label in labels
            )
        tensors = [GGUFTensor(name, values) for name, values in self.weights.items()]
        write_entries(path, {**self.vocabulary.metadata(), **entries}, tensors)
        return path

    def dense(self, name: str, values: Array) -> Array:
        """A linear layer."""
        bias = self.weights.get(f"{name}.bias")
        product: Array = values @ self.weights[f"{name}.weight"].T
        return product if bias is None else product + bias


def small_bert(seed: int = 0) -> SmallModel:
    """A BERT whose classifier gives one number for a pair of texts."""
    shape = {
        "block_count": LAYERS,
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.layer_norm_epsilon": NORM_EPSILON,
        "attention.causal": False,
        "pooling_type": 4,
    }
    entries: dict[str, str | bool | int | float] = {f"bert.{key}": value for key, value in shape.items()}
    model = SmallModel("bert-bge", {"general.architecture": "bert", **entries}, seed)
    model.draw("token_embd.weight", len(model.vocabulary.texts), WIDTH, spread=8.0)
    model.draw("position_embd.weight", CONTEXT, WIDTH)
    model.draw("token_types.weight", 2, WIDTH)
    _norm(model, "token_embd_norm")
    for layer in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            _linear(model, f"blk.{layer}.{part}", WIDTH, WIDTH)
        _norm(model, f"blk.{layer}.attn_output_norm")
        _linear(model, f"blk.{layer}.ffn_up", FEED_FORWARD, WIDTH)
        _linear(model, f"blk.{layer}.ffn_down", WIDTH, FEED_FORWARD)
        _norm(model, f"blk.{layer}.layer_output_norm")
    _linear(model, "cls", WIDTH, WIDTH)
    _linear(model, "cls.output", 1, WIDTH)
    return model


def bert_logit(model: SmallModel, tokens: list[int]) -> float:
    """What the classifier gives for these tokens."""
    weights, length = model.weights, len(tokens)
    hidden = weights["token_embd.weight"][tokens] + weights["token_types.weight"][0]
    hidden = _layer_norm(model, "token_embd_norm", hidden + weights["position_embd.weight"][:length])
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        query, key, value = (_heads(model.dense(f"{name}attn_{part}", hidden)) for part in "qkv")
        mixed = _attention(query, key, value, np.zeros((length, length), np.float32))
        hidden = _layer_norm(model, f"{name}attn_output_norm", hidden + model.dense(f"{name}attn_output", mixed))
        inner = _gelu(model.dense(f"{name}ffn_up", hidden))
        hidden = _layer_norm(model, f"{name}layer_output_norm", hidden + model.dense(f"{name}ffn_down", inner))
    pooled = np.tanh(model.dense("cls", hidden[:1]))
    return float(model.dense("cls.output", pooled)[0, 0])


def small_qwen3(name: str, seed: int = 0) -> SmallModel:
    """A Qwen3 with a chat template and, for rerankers, :data:`TEMPLATE`."""
    shape = {
        "block_count": LAYERS,
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.head_count_kv": HEADS,
        "attention.layer_norm_rms_epsilon": RMS_EPSILON,
        "rope.freq_base": ROPE_BASE,
    }
    entries: dict[str, str | bool | int | float] = {f"qwen3.{key}": value for key, value in shape.items()}
    names = {"general.architecture": "qwen3", "general.name": name, "tokenizer.chat_template": _CHAT}
    model = SmallModel("qwen2", {**names, **entries}, seed)
    model.draw("token_embd.weight", len(model.vocabulary.texts), WIDTH, spread=2.0)
    model.draw("output_norm.weight", WIDTH, spread=0.1, mean=1.0)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for part, size in (("attn_norm", WIDTH), ("ffn_norm", WIDTH), ("attn_q_norm", HEAD), ("attn_k_norm", HEAD)):
            model.draw(f"{block}{part}.weight", size, spread=0.1, mean=1.0)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            model.draw(f"{block}{part}.weight", WIDTH, WIDTH)
        model.draw(f"{block}ffn_gate.weight", FEED_FORWARD, WIDTH)
        model.draw(f"{block}ffn_up.weight", FEED_FORWARD, WIDTH)
        model.draw(f"{block}ffn_down.weight", WIDTH, FEED_FORWARD)
    return model


def qwen3_last(model: SmallModel, tokens: list[int]) -> Array:
    """The last token's vector, from which the next token's logits are computed."""
    weights, length = model.weights, len(tokens)
    hidden = weights["token_embd.weight"][tokens]
    mask = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        normed = _rms_norm(hidden, weights[f"{name}attn_norm.weight"])
        query, key, value = (_heads(model.dense(f"{name}attn_{part}", normed)) for part in "qkv")
        query = _rotated(_rms_norm(query, weights[f"{name}attn_q_norm.weight"]))
        key = _rotated(_rms_norm(key, weights[f"{name}attn_k_norm.weight"]))
        hidden = hidden + model.dense(f"{name}attn_output", _attention(query, key, value, mask))
        normed = _rms_norm(hidden, weights[f"{name}ffn_norm.weight"])
        gate = model.dense(f"{name}ffn_gate", normed)
        inner = gate / (1 + np.exp(-gate)) * model.dense(f"{name}ffn_up", normed)
        hidden = hidden + model.dense(f"{name}ffn_down", inner)
    last: Array = _rms_norm(hidden[-1], weights["output_norm.weight"])
    return last


def _linear(model: SmallModel, name: str, outputs: int, inputs: int) -> None:
    model.draw(f"{name}.weight", outputs, inputs)
    model.draw(f"{name}.bias", outputs, spread=0.1)


def _norm(model: SmallModel, name: str) -> None:
    model.draw(f"{name}.weight", WIDTH, spread=0.1, mean=1.0)
    model.draw(f"{name}.bias", WIDTH, spread=0.1)


def _heads(values: Array) -> Array:
    """Shape (heads, tokens, head)."""
    return values.reshape(len(values), HEADS, HEAD).transpose(1, 0, 2)


def _attention(query: Array, key: Array, value: Array, mask: Array) -> Array:
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(HEAD) + mask
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    mixed: Array = (shares @ value).transpose(1, 0, 2).reshape(query.shape[1], WIDTH)
    return mixed


def _rotated(values: Array) -> Array:
    """Rotary positions, in which the first half of a head goes with the second."""
    angles = np.arange(values.shape[1])[:, None] * ROPE_BASE ** (-2 * np.arange(HEAD // 2) / HEAD)
    first, second = values[..., : HEAD // 2], values[..., HEAD // 2 :]
    cosine, sine = np.cos(angles), np.sin(angles)
    turned: Array = np.concatenate([first * cosine - second * sine, first * sine + second * cosine], axis=-1)
    return turned


def _layer_norm(model: SmallModel, name: str, values: Array) -> Array:
    centred = values - values.mean(axis=-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + NORM_EPSILON)
    scaled: Array = normed * model.weights[f"{name}.weight"] + model.weights[f"{name}.bias"]
    return scaled


def _rms_norm(values: Array, weight: Array) -> Array:
    normed: Array = values / np.sqrt((values**2).mean(axis=-1, keepdims=True) + RMS_EPSILON) * weight
    return normed


def _gelu(values: Array) -> Array:
    curved: Array = 0.5 * values * (1 + np.tanh(np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)))
    return curved
