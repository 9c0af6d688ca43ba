"""Multiple-choice questions as llama.cpp itself scores them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np


def likelihoods(model: Path, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
    """For each question and choice, the log probability of the choice after the question and a space."""
    llama = llama_cpp.Llama(
        str(model), n_ctx=64, n_threads=1, n_threads_batch=1, logits_all=True, flash_attn=True, verbose=False
    )
    try:
        return [[_likelihood(llama, question, f" {choice}") for choice in choices] for question, choices in questions]
    finally:
        llama.close()


def _likelihood(llama: llama_cpp.Llama, question: str, continuation: str) -> float:
    context = llama.tokenize(question.encode(), add_bos=False)
    tokens = llama.tokenize((question + continuation).encode(), add_bos=False)
    llama.n_tokens = 0
    llama.eval(tokens)
    logits = np.array(llama.scores[len(context) - 1 : len(tokens) - 1], np.float64)
    chosen = logits[np.arange(len(logits)), tokens[len(context) :]]
    highest = logits.max(axis=1)
    return float(np.sum(chosen - highest - np.log(np.exp(logits - highest[:, None]).sum(axis=1))))
