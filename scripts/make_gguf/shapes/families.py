"""The tensors and metadata of each family of models, as llama.cpp reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from scripts.make_gguf.file import entry_value
from scripts.make_gguf.shapes.shape import Shape
from scripts.make_gguf.shapes.tensors import DrawnTensor, Values
from scripts.make_gguf.vocabulary import ARRAY, INT32, CopiedVocabulary
from scripts.make_gguf.weights import CONSTANT, NEVER, token_biases

EPSILON = 1e-5
LOGIT_SPREAD = 4.0
"""Standard deviation of the logits: the most likely token has a tenth of the mass or more, as with a real model."""
RARELY = -10.0
"""Mean logit of the tokens that end a text, so that texts are as long as they may be."""
CONVOLUTION = 4
"""Tokens that a convolution of a recurrent model sees; those of LFM2 see one less."""
STATE_SIZE = 16
"""Values of a Mamba's state for each channel."""


def metadata(shape: Shape) -> dict[str, bytes]:
    """The entries of a file, without those of its vocabulary."""
    values: dict[str, str | int | float] = {
        "context_length": shape.context_tokens,
        "embedding_length": shape.width,
        "block_count": shape.layers,
        "feed_forward_length": shape.feed_forward,
        "attention.layer_norm_rms_epsilon": EPSILON,
    }
    if shape.heads:
        values |= {"attention.head_count": shape.heads, "attention.head_count_kv": shape.kv_heads}
        values |= {"attention.key_length": shape.head, "attention.value_length": shape.head}
        values |= {"rope.freq_base": 1_000_000.0}
    if shape.window:
        values |= {"attention.sliding_window": shape.window}
    if shape.experts:
        values |= {"expert_count": shape.experts, "expert_used_count": shape.used}
        values |= {"expert_feed_forward_length": shape.feed_forward}
    if shape.architecture == "mamba":
        values |= {"ssm.conv_kernel": CONVOLUTION, "ssm.inner_size": 2 * shape.width, "ssm.state_size": STATE_SIZE}
        values |= {"ssm.time_step_rank": _time_steps(shape)}
    if shape.architecture == "lfm2":
        values |= {"shortconv.l_cache": CONVOLUTION - 1}
    entries = {f"{shape.architecture}.{key}": entry_value(value) for key, value in values.items()}
    if shape.architecture == "lfm2":
        heads = [shape.kv_heads if _has_attention(shape, layer) else 0 for layer in range(shape.layers)]
        packed = struct.pack(f"<IIQ{len(heads)}i", ARRAY, INT32, len(heads), *heads)
        entries["lfm2.attention.head_count_kv"] = packed
    named = {"general.architecture": shape.architecture, "general.name": f"{shape.architecture} with random weights"}
    return {key: entry_value(value) for key, value in named.items()} | entries


def tensors(shape: Shape, vocabulary: CopiedVocabulary) -> Iterator[DrawnTensor]:
    """All tensors, drawn when they are written."""
    size = len(vocabulary.texts)

    def embeddings(draw: np.random.Generator) -> Values:
        values = np.zeros((size, shape.width), np.float32)
        values[:, : shape.core] = draw.standard_normal((size, shape.core), np.float32)
        values[:, 0] = CONSTANT
        if shape.architecture == "gemma3":
            values /= np.float32(shape.width**0.5)  # llama.cpp multiplies them by it
        return values

    def output(draw: np.random.Generator) -> Values:
        scale = np.sqrt(shape.width / (CONSTANT**2 + shape.core - 1))  # what the last normalisation does
        values = np.zeros((size, shape.width), np.float32)
        spread = LOGIT_SPREAD / (scale * np.sqrt(shape.core - 1))
        values[:, : shape.core] = draw.standard_normal((size, shape.core), np.float32) * np.float32(spread)
        biases = np.where(token_biases(vocabulary) > NEVER, 0.0, NEVER)
        biases[sorted(vocabulary.ends)] = RARELY
        values[:, 0] = biases / (scale * CONSTANT)
        return values

    yield DrawnTensor("token_embd.weight", (size, shape.width), embeddings)
    for layer in range(shape.layers):
        yield from _layer(shape, layer)
    yield _ones("token_embd_norm.weight" if shape.architecture == "lfm2" else "output_norm.weight", shape.width)
    yield DrawnTensor("output.weight", (size, shape.width), output)


def _layer(shape: Shape, number: int) -> Iterator[DrawnTensor]:
    name, width = f"blk.{number}.", shape.width
    yield _ones(f"{name}attn_norm.weight", width)
    if shape.architecture == "mamba":
        yield from _mamba(shape, name)
        return
    if _has_attention(shape, number):
        yield from _attention(shape, name)
    else:
        yield _matrix(f"{name}shortconv.conv.weight", width, CONVOLUTION - 1, exact=True)
        yield _matrix(f"{name}shortconv.in_proj.weight", 3 * width, width)
        yield _matrix(f"{name}shortconv.out_proj.weight", width, width, shape.layer_scale)
    if shape.architecture == "gemma3":
        yield _scaled(f"{name}post_attention_norm.weight", width, shape.layer_scale)
        yield _scaled(f"{name}post_ffw_norm.weight", width, shape.layer_scale)
    yield _ones(f"{name}ffn_norm.weight", width)
    yield from _experts(shape, name) if shape.experts else _feed_forward(shape, name)


def _attention(shape: Shape, name: str) -> Iterator[DrawnTensor]:
    width, head = shape.width, shape.head
    yield _matrix(f"{name}attn_q.weight", shape.heads * head, width)
    yield _matrix(f"{name}attn_k.weight", shape.kv_heads * head, width)
    yield _matrix(f"{name}attn_v.weight", shape.kv_heads * head, width)
    yield _matrix(f"{name}attn_output.weight", width, shape.heads * head, shape.layer_scale)
    if shape.architecture != "llama":
        yield _ones(f"{name}attn_q_norm.weight", head)
        yield _ones(f"{name}attn_k_norm.weight", head)


def _feed_forward(shape: Shape, name: str) -> Iterator[DrawnTensor]:
    for part in ("ffn_gate", "ffn_up"):
        yield _matrix(f"{name}{part}.weight", shape.feed_forward, shape.width)
    yield _matrix(f"{name}ffn_down.weight", shape.width, shape.feed_forward, shape.layer_scale)


def _experts(shape: Shape, name: str) -> Iterator[DrawnTensor]:
    yield _matrix(f"{name}ffn_gate_inp.weight", shape.experts, shape.width, exact=True)
    for part in ("ffn_gate_exps", "ffn_up_exps"):
        yield _matrix(f"{name}{part}.weight", shape.feed_forward, shape.width, count=shape.experts)
    yield _matrix(
        f"{name}ffn_down_exps.weight", shape.width, shape.feed_forward, shape.layer_scale, count=shape.experts
    )


def _mamba(shape: Shape, name: str) -> Iterator[DrawnTensor]:
    width, inner, steps = shape.width, 2 * shape.width, _time_steps(shape)
    yield _matrix(f"{name}ssm_in.weight", 2 * inner, width)
    yield _matrix(f"{name}ssm_conv1d.weight", inner, CONVOLUTION, exact=True)
    yield _scaled(f"{name}ssm_conv1d.bias", inner, 0.0)
    yield _matrix(f"{name}ssm_x.weight", steps + 2 * STATE_SIZE, inner)
    yield _matrix(f"{name}ssm_dt.weight", inner, steps, 0.5)
    yield _scaled(f"{name}ssm_dt.bias", inner, -2.0)  # time steps of about 0.1
    decay = -np.arange(1, STATE_SIZE + 1, dtype=np.float32)
    yield DrawnTensor(f"{name}ssm_a", (inner, STATE_SIZE), lambda _: np.tile(decay, (inner, 1)), exact=True)
    yield _scaled(f"{name}ssm_d", inner, 1.0)
    yield _matrix(f"{name}ssm_out.weight", width, inner, shape.layer_scale)


def _has_attention(shape: Shape, layer: int) -> bool:
    return layer % shape.attention_every == shape.attention_every - 1


def _time_steps(shape: Shape) -> int:
    return max(1, shape.width // 16)


def _ones(name: str, size: int) -> DrawnTensor:
    return _scaled(name, size, 1.0)


def _scaled(name: str, size: int, value: float) -> DrawnTensor:
    return DrawnTensor(name, (size,), lambda _: np.full(size, value, np.float32), exact=True)


def _matrix(
    name: str, outputs: int, inputs: int, gain: float = 1.0, *, exact: bool = False, count: int = 0
) -> DrawnTensor:
    """A random matrix that keeps the size of what it is multiplied with, times ``gain``; or ``count`` of them."""
    dimensions = (count, outputs, inputs) if count else (outputs, inputs)
    factor = np.float32(gain * inputs**-0.5)
    return DrawnTensor(name, dimensions, lambda draw: draw.standard_normal(dimensions, np.float32) * factor, exact)
