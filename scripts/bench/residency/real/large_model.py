"""Write a model of the size and shape of a Llama of 1.2 billion weights, which are random.

    python -m scripts.bench.residency.real.large_model OUT.gguf --vocabulary GGUF [--seed N]

The layers have random weights in Q4_0 that change the hidden state little, so a text depends on its last token; time
and memory do not depend on the values.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.make_gguf.file import Q4_0_BYTES, Q4_0_WEIGHTS, GGUFTensor, entry_value, write_entries
from scripts.make_gguf.vocabulary import CopiedVocabulary, read_vocabulary
from scripts.make_gguf.weights import CONSTANT, token_biases

WIDTH, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 2048, 16, 32, 8, 8192
LAYER_SCALE = 1e-5
"""Of the blocks: so small that the layers change the hidden state little."""


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--vocabulary", type=Path, required=True, metavar="GGUF", help="a file with the vocabulary")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    vocabulary = read_vocabulary(options.vocabulary)
    write_entries(options.out, {**_entries(), **vocabulary.metadata()}, list(_tensors(vocabulary, options.seed)))
    return 0


def _entries() -> dict[str, bytes]:
    shape = {
        "context_length": 8192,
        "embedding_length": WIDTH,
        "block_count": LAYERS,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }
    entries = {"general.architecture": "llama", "general.name": "A Llama with random weights"}
    numbers = {f"llama.{key}": entry_value(value) for key, value in shape.items()}
    return {key: entry_value(value) for key, value in entries.items()} | numbers


def _tensors(vocabulary: CopiedVocabulary, seed: int) -> Iterator[GGUFTensor]:
    draw = np.random.default_rng(seed)
    tokens = len(vocabulary.texts)
    embeddings = draw.standard_normal((tokens, WIDTH), np.float32)
    embeddings[:, 0] = CONSTANT
    yield GGUFTensor("token_embd.weight", embeddings.astype(np.float16))
    kv_width = WIDTH // HEADS * KV_HEADS
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            yield GGUFTensor(f"{name}{norm}.weight", np.ones(WIDTH, np.float32))
        for part, outputs in (("attn_q", WIDTH), ("attn_k", kv_width), ("attn_v", kv_width), ("attn_output", WIDTH)):
            yield GGUFTensor(f"{name}{part}.weight", _blocks(outputs, WIDTH, draw))
        for part in ("ffn_gate", "ffn_up"):
            yield GGUFTensor(f"{name}{part}.weight", _blocks(FEED_FORWARD, WIDTH, draw))
        yield GGUFTensor(f"{name}ffn_down.weight", _blocks(WIDTH, FEED_FORWARD, draw))
    yield GGUFTensor("output_norm.weight", np.ones(WIDTH, np.float32))
    output = draw.standard_normal((tokens, WIDTH), np.float32) * np.float32(0.1)
    output[:, 0] = token_biases(vocabulary) / np.float32(CONSTANT * np.sqrt(WIDTH / (CONSTANT**2 + WIDTH - 1)))
    yield GGUFTensor("output.weight", output.astype(np.float16))


def _blocks(outputs: int, inputs: int, draw: np.random.Generator) -> NDArray[np.uint8]:
    blocks = draw.integers(0, 256, (outputs, inputs // Q4_0_WEIGHTS, Q4_0_BYTES), np.uint8)
    blocks[:, :, :2] = np.frombuffer(np.float16(LAYER_SCALE).tobytes(), np.uint8)
    return blocks.reshape(outputs, -1)


if __name__ == "__main__":
    sys.exit(main())
