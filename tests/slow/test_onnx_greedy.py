"""A model in ONNX continues texts as the GGUF file that it was made from, up to quantisation.

The GGUF file has weights of four bits. The folder of the kind ``text-fp32`` has the same weights, as numbers of 32
bits; that of the kind ``text`` has them in four bits again, by onnxruntime-genai's own and coarser method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.make_onnx.cache import made
from shared.engines.onnx.providers import OnnxProvider
from shared.settings.placement import LlamaCppOptions
from tests.support.weights import WEIGHTS
from workers.llama.native.model import LlamaModel
from workers.onnx.text.model import open_model
from workers.text.model import BatchSlice, DecoderSize, TextModel

TOKENS = 32
PROMPTS = (
    "The capital of France is",
    "Once upon a time, there was a",
    "To make a cup of tea, first",
    "Water boils at a temperature of",
    "def fibonacci(n):\n    ",
    "The three primary colours are",
    "Dear Sir or Madam,\n\nI am writing to",
    "In 1969, humans first",
    "My favourite animal is the",
    "Q: What is 2 + 2?\nA:",
)
SIZE = DecoderSize(cells=1024, sequences=1, context_tokens=512, batch_tokens=64, threads=2)


@dataclass(frozen=True)
class Continuation:
    """Tokens after a prompt, and the logits that each was drawn from."""

    tokens: list[int]
    logits: NDArray[np.float32]


def continuations(model: TextModel, given: list[list[int]] | None = None) -> list[Continuation]:
    """The prompts' continuations by the most likely tokens, or by given ones."""
    decoder = model.open_decoder(SIZE)
    found = []
    for index, prompt in enumerate(PROMPTS):
        tokens, rows, at = list[int](), [], 0
        new = model.vocabulary.tokenize(prompt, add_special=True, parse_special=False)
        for step in range(TOKENS):
            rows.append(np.array(decoder.decode([BatchSlice(0, at, new, 1)])[0]))
            at += len(new)
            new = [int(rows[-1].argmax()) if given is None else given[index][step]]
            tokens += new
        decoder.memory.remove(0)
        found.append(Continuation(tokens, np.stack(rows)))
    decoder.close()
    return found


@pytest.fixture(scope="module")
def gguf() -> Iterator[list[Continuation]]:
    """What the GGUF model writes."""
    model = LlamaModel(str(WEIGHTS), LlamaCppOptions(gpu_layers=0), lambda fraction: None)
    yield continuations(model)
    model.close()


def onnx(kind: str, given: list[Continuation] | None) -> list[Continuation]:
    """What a folder's model writes, or its logits behind what another wrote."""
    model = open_model(str(made(kind)), OnnxProvider.CPU, SIZE.threads, SIZE.sequences, lambda fraction: None)
    try:
        return continuations(model, None if given is None else [one.tokens for one in given])
    finally:
        model.close()


def gaps(logits: NDArray[np.float32], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    """How far below the best logit that of the chosen token is, in each row."""
    taken: NDArray[np.float32] = np.take_along_axis(logits, chosen[:, None], axis=1)[:, 0]
    behind: NDArray[np.float32] = logits.max(axis=1) - taken
    return behind


def test_the_same_weights_prefer_the_same_tokens(gguf: list[Continuation]) -> None:
    """Where they differ, the two best tokens are as good as equal, for both."""
    agreeing = 0
    for native, own in zip(gguf, onnx("text-fp32", gguf), strict=True):
        theirs, ours = np.array(native.tokens), own.logits.argmax(axis=1)
        agreeing += int((theirs == ours).sum())
        assert gaps(own.logits, theirs).max() < 0.5
        assert gaps(native.logits, ours).max() < 0.5
        assert np.abs(own.logits - native.logits).mean() < 0.5
    assert agreeing >= 0.95 * len(PROMPTS) * TOKENS


def test_the_same_weights_write_the_same_beginnings(gguf: list[Continuation]) -> None:
    same = [native.tokens[:4] == own.tokens[:4] for native, own in zip(gguf, onnx("text-fp32", None), strict=True)]
    assert sum(same) >= 6


def test_weights_of_four_bits_mostly_prefer_the_same_tokens(gguf: list[Continuation]) -> None:
    """Or at least find them likely."""
    agreeing, likely = 0, 0
    for native, own in zip(gguf, onnx("text", gguf), strict=True):
        theirs = np.array(native.tokens)
        better = (own.logits > np.take_along_axis(own.logits, theirs[:, None], axis=1)).sum(axis=1)
        agreeing += int((better == 0).sum())
        likely += int((better < 10).sum())
    assert agreeing >= 0.6 * len(PROMPTS) * TOKENS
    assert likely >= 0.9 * len(PROMPTS) * TOKENS
