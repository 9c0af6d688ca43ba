"""Answers with speculation are those without: draws, grammars, log probabilities, stop strings, budgets, takeovers.

The model is a hash function of the last token, so that the shape of a batch does not change the rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.settings.text.speculation import Speculate
from shared.wire.jobs import Constraint, ConstraintKind, Sampling, TextJob, ToolChoice
from shared.wire.payloads import FinishReason
from tests.support.engines.hashed_decoder import HashedDecoder
from tests.support.engines.speculating import draft_always, hashed_engine, run
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine

GREEDY = Sampling(temperature=0)
SEEDED = Sampling(temperature=0.8, seed=5)
PENALISED = Sampling(temperature=0.9, seed=6, top_k=0, repeat_penalty=1.1, presence_penalty=0.3)
LIST = Constraint(
    ConstraintKind.JSON_SCHEMA,
    {"type": "array", "items": {"enum": ["town", "village", "capital"]}, "minItems": 4, "maxItems": 9},
)
PARAMETERS = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "UserDetail", "parameters": PARAMETERS}}
CALL = {
    "prompt": None,
    "messages": [{"role": "user", "content": "Jason is 25 years old"}],
    "tools": [TOOL],
    "tool_choice": ToolChoice.REQUIRED,
    "max_tokens": 120,
}
JOBS: dict[str, dict[str, Any]] = {
    "greedy": {"sampling": GREEDY},
    "seeded": {"sampling": SEEDED},
    "penalised": {"sampling": PENALISED},
    "endless": {"sampling": SEEDED, "ignore_eos": True, "max_tokens": 101},
    "one token": {"sampling": SEEDED, "max_tokens": 1},
    "logprobs": {"sampling": SEEDED, "top_logprobs": 2},
    "stop": {"sampling": SEEDED, "stop": ["ou", " th", "zing"], "max_tokens": 200},
    "schema": {"sampling": SEEDED, "constraint": LIST},
    "greedy schema": {"sampling": GREEDY, "constraint": LIST},
    "call": {"sampling": SEEDED, **CALL},
    "echo": {"sampling": SEEDED, "echo": True, "top_logprobs": 1},
    "predicted": {"sampling": SEEDED, "prediction": "The largest city of the country is its capital."},
}


@pytest.fixture(scope="module")
def plain(model_path: Path) -> Iterator[LlamaEngine]:
    yield from hashed_engine(model_path, Speculate.OFF)


@pytest.fixture(scope="module", params=[Speculate.NGRAM, Speculate.DRAFT, Speculate.AUTO])
def speculating(model_path: Path, request: pytest.FixtureRequest) -> Iterator[LlamaEngine]:
    yield from hashed_engine(model_path, request.param)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    draft_always(monkeypatch)


def _job(changes: dict[str, Any]) -> TextJob:
    return TextJob(**{"prompt": "The largest city", "max_tokens": 60, **changes})


def test_answers_do_not_depend_on_speculation(plain: LlamaEngine, speculating: LlamaEngine) -> None:
    jobs = {name: _job(changes) for name, changes in JOBS.items()}
    expected = run(plain, jobs)
    before = speculating.stats().accepted_tokens
    assert run(speculating, jobs) == expected
    assert speculating.stats().accepted_tokens > before
    assert speculating.stats().drafted_tokens > speculating.stats().accepted_tokens
    assert {reason for _, reason, *_ in expected.values()} > {FinishReason.LENGTH, FinishReason.STOP}


def test_another_worker_goes_on_with_an_answer_at_any_token(plain: LlamaEngine, speculating: LlamaEngine) -> None:
    job = _job({"sampling": SEEDED})
    parts, *ending = run(plain, {"job": job})["job"]
    tokens = [token for _, ids, *_ in parts for token in ids]
    for cut in range(1, len(tokens) - 1, 7):
        rest, *end = run(speculating, {"job": job}, {"job": tokens[:cut]})["job"]
        assert [token for _, ids, *_ in rest for token in ids] == tokens[cut:]
        assert end == ending


def test_cancelled_jobs_leave_nothing_behind(speculating: LlamaEngine) -> None:
    for count in range(12):
        speculating.submit(EngineJob(f"job {count}", _job({"sampling": SEEDED, "ignore_eos": True})))
    steps = 0
    while speculating.has_work():
        speculating.step()
        steps += 1
        if steps % 5 == 0 and speculating._sequences:
            speculating.cancel(next(iter(speculating._sequences)))
    speculating._cache.clear_kept()
    assert speculating._cache.used_cells == 0
    assert isinstance(speculating._decoder, HashedDecoder)
    assert speculating._decoder.memory.used_cells == 0


@pytest.mark.parametrize("speculate", [Speculate.NGRAM, Speculate.AUTO])
def test_preempted_sequences_go_on_unchanged(plain: LlamaEngine, model_path: Path, speculate: Speculate) -> None:
    jobs = {
        f"job {seed}": _job({"sampling": Sampling(seed=seed), "ignore_eos": True, "max_tokens": 250})
        for seed in range(4)
    }
    expected = run(plain, jobs)
    for cramped in hashed_engine(model_path, speculate, kv_tokens=512):
        assert run(cramped, jobs) == expected
        assert cramped.stats().preemptions
        assert cramped.stats().accepted_tokens
