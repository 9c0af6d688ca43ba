"""Random weights of a small Llama: a transformer whose texts are varied noise.

The first value of the hidden state is a constant, because no layer writes there. So the first column of the output
matrix is a bias: it makes ordinary words likely, markers and ends rare, and unused special tokens impossible.

Attention is computed, but its output counts for nothing: it is rounded in other ways in other batches, which would
change one drawn token in some thousands. So the same seed gives the same text, whatever else is computed at the time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scripts.make_gguf.file import GGUFTensor
from scripts.make_gguf.vocabulary import CONTROL, NORMAL, USER_DEFINED, CopiedVocabulary

WIDTH, HEADS, LAYERS, FEED_FORWARD = 64, 4, 2, 128

CONSTANT = 16.0
"""The first value of each embedding. The others have a variance of 1."""

LOGIT_SPREAD = 1.5
"""Standard deviation of the logits of tokens of one class."""

LAYER_SPREAD = 0.3
"""How much a layer changes the hidden state, about."""

SHARES = {"words": 0.9, "other": 0.04, "markers": 0.04, "ends": 0.02}
"""Probability of each class of tokens at temperature 1, about."""

NEVER = -60.0
"""Logit of the tokens that must not come, below that of others."""


def metadata() -> dict[str, int | float]:
    """What llama.cpp must know of the shape, without ``llama.``."""
    return {
        "embedding_length": WIDTH,
        "block_count": LAYERS,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }


def random_tensors(vocabulary: CopiedVocabulary, seed: int) -> Iterator[GGUFTensor]:
    """All tensors of the model. The same seed gives the same values."""
    draw = np.random.default_rng(seed)
    size = len(vocabulary.texts)
    embeddings = draw.standard_normal((size, WIDTH), np.float32)
    embeddings[:, 0] = CONSTANT
    yield GGUFTensor("token_embd.weight", embeddings.astype(np.float16))
    for layer in range(LAYERS):
        yield from _layer(f"blk.{layer}.", draw)
    yield _ones("output_norm.weight")
    yield GGUFTensor("output.weight", _output(vocabulary, draw))


def _layer(name: str, draw: np.random.Generator) -> Iterator[GGUFTensor]:
    yield _ones(f"{name}attn_norm.weight")
    for part in ("attn_q", "attn_k", "attn_v"):
        yield _matrix(f"{name}{part}.weight", WIDTH, WIDTH, draw, 1.0)
    yield _matrix(f"{name}attn_output.weight", WIDTH, WIDTH, draw, 0.0)
    yield _ones(f"{name}ffn_norm.weight")
    for part in ("ffn_gate", "ffn_up"):
        yield _matrix(f"{name}{part}.weight", FEED_FORWARD, WIDTH, draw, 1.0)
    yield _matrix(f"{name}ffn_down.weight", WIDTH, FEED_FORWARD, draw, LAYER_SPREAD)


def _ones(name: str) -> GGUFTensor:
    return GGUFTensor(name, np.ones(WIDTH, np.float32))


def _matrix(name: str, outputs: int, inputs: int, draw: np.random.Generator, gain: float) -> GGUFTensor:
    """A matrix that neither reads nor writes the constant."""
    values = draw.standard_normal((outputs, inputs), np.float32) * np.float32(gain * inputs**-0.5)
    if inputs == WIDTH:
        values[:, 0] = 0
    if outputs == WIDTH:
        values[0] = 0
    return GGUFTensor(name, values)


def _output(vocabulary: CopiedVocabulary, draw: np.random.Generator) -> NDArray[np.float32]:
    """The output matrix, whose logits are a bias and noise."""
    scale = np.sqrt(WIDTH / (CONSTANT**2 + WIDTH - 1))  # what the last normalisation does
    spread = LOGIT_SPREAD / (scale * np.sqrt(WIDTH - 1))
    values = draw.standard_normal((len(vocabulary.texts), WIDTH), np.float32) * np.float32(spread)
    values[:, 0] = token_biases(vocabulary) / np.float32(scale * CONSTANT)
    return values


def token_biases(vocabulary: CopiedVocabulary) -> NDArray[np.float32]:
    """The mean logit of each token, so that the classes have their :data:`SHARES`."""
    classes = np.array(_classes(vocabulary))
    biases = np.full(len(classes), NEVER, np.float32)
    for name, share in SHARES.items():
        members = classes == name
        if members.any():
            biases[members] = np.log(share / members.sum())
    return biases


def _classes(vocabulary: CopiedVocabulary) -> list[str]:
    ends, template = vocabulary.ends, vocabulary.template
    classes = []
    for token, (text, kind) in enumerate(zip(vocabulary.texts, vocabulary.types, strict=True)):
        if token in ends:
            classes.append("ends")
        elif kind in (CONTROL, USER_DEFINED):
            classes.append("markers" if text in template else "never")
        elif kind == NORMAL and text.translate(_SPACES).isascii():
            classes.append("words")
        else:
            classes.append("other" if kind == NORMAL else "never")
    return classes


_SPACES = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n"})
"""How vocabularies write white space."""
