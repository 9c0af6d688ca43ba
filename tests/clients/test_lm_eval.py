"""lm-eval, unchanged: 50 questions with four choices each are answered as llama.cpp itself answers them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.clients.llama_cpp_scores import likelihoods
from tests.support.clients.packages import LM_EVAL
from tests.support.clients.runs import CHAT_MODEL, run_program
from tests.support.clients.served import ClientServer
from tests.support.weights import WEIGHTS

TASKS = Path(__file__).parent / "lm_eval"
NEAR = 0.01
"""Largest difference of two log probabilities: batches are computed with other roundings."""


@pytest.mark.timeout(600)
def test_lm_eval_scores_choices_as_llama_cpp(client_server: ClientServer) -> None:
    questions = [json.loads(line) for line in (TASKS / "questions.jsonl").read_text().splitlines()]
    task = {
        "url": client_server.server.url,
        "key": client_server.keys[LM_EVAL.name],
        "model": CHAT_MODEL,
        "tasks": str(TASKS),
    }
    scored = run_program(LM_EVAL, task)
    expected = np.array(likelihoods(WEIGHTS, [(question["question"], question["choices"]) for question in questions]))
    found = np.array(scored["likelihoods"])
    assert found.shape == expected.shape == (50, 4)
    assert np.abs(found - expected).max() < NEAR
    best = expected.argmax(axis=1)
    assert (found.argmax(axis=1) == best).all()
    right = [question["answer"] for question in questions]
    assert scored["accuracy"] == pytest.approx(np.mean(best == right))
    assert scored["accuracy"] > 0.7
