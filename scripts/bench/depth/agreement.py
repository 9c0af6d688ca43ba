"""How well a model with a quantized KV cache guesses a real text, beside one with f16: deep in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.bench.depth.engines import BATCH_TOKENS, KV_TYPES
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice

TEXTS = ("docs/operating.md", "docs/api.md")
SEEN = 64
"""Tokens of a step whose logits are kept."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of the last ``tokens`` of a text of ``depth``: nats for each, how many more than with f16, and how often the same
    token is likeliest.
    """

    depth: int
    tokens: int
    nats: float
    nats_more: float
    same_share: float


def agreement(path: Path, kind: str, depth: int, tokens: int, threads: int) -> Agreement:
    """Read the project's own documents with f16 and with ``kind``."""
    exact, exact_likeliest = _read(path, "f16", depth, tokens, threads)
    found, likeliest = _read(path, kind, depth, tokens, threads)
    more = float(found.mean() - exact.mean())
    return Agreement(depth, tokens, float(found.mean()), more, float((likeliest == exact_likeliest).mean()))


def _read(
    path: Path, kind: str, depth: int, tokens: int, threads: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The nats of each of the last tokens, and what was likeliest in their places."""
    model = LlamaModel(str(path), KV_TYPES[kind], lambda fraction: None)
    context = LlamaContext(model.native, model.vocabulary, depth + 1, 1, BATCH_TOKENS, threads, model.options)
    text = "\n".join(Path(name).read_text("utf-8") for name in TEXTS)
    ids = model.vocabulary.tokenize(text, add_special=True, parse_special=False)[: depth + 1]
    if len(ids) <= depth:
        raise ValueError(f"depth: expected at most {len(ids) - 1}, as the documents have, got {depth}")
    for start in range(0, depth - tokens, BATCH_TOKENS):
        context.decode([BatchSlice(0, start, ids[start : min(start + BATCH_TOKENS, depth - tokens)], 0)])
    nats, likeliest = [], []
    for start in range(depth - tokens, depth, SEEN):
        part = ids[start : min(start + SEEN, depth)]
        logits = np.array(context.decode([BatchSlice(0, start, part, len(part))]), np.float64)
        likeliest += logits.argmax(axis=1).tolist()
        logits -= logits.max(axis=1, keepdims=True)
        drawn = logits[np.arange(len(part)), ids[start + 1 : start + 1 + len(part)]]
        nats += (np.log(np.exp(logits).sum(axis=1)) - drawn).tolist()
    context.close()
    model.close()
    return np.array(nats), np.array(likeliest)
