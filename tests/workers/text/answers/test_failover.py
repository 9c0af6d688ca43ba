"""A second worker continues a sequence exactly: draws, grammar, stop strings, held text, calls, budget.

A text that continues elsewhere can differ for two reasons: state is lost, which is a bug, or the tokens so far are
computed in one batch instead of one by one, which changes the rounding. Here the second reason is excluded, since the
logits depend only on the tokens. So the rest must be exactly equal, at every cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from shared.wire.jobs import Constraint, ConstraintKind, Sampling, TextJob, ToolChoice
from shared.wire.payloads import Started, Tokens
from tests.support.engines.hashed import LIMITS, answer
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.sandbox.attempt import PreparationAttempt

SAMPLED = Sampling(temperature=1.3, seed=5)
PENALISED = Sampling(temperature=0.9, seed=6, top_k=0, repeat_penalty=1.3, presence_penalty=0.7, frequency_penalty=0.2)
FURTHER = Sampling(
    temperature=1.1, top_k=0, seed=7, repeat_penalty=1.2, repeat_last_n=5, typical_p=0.9, top_n_sigma=3.0,
    xtc_probability=0.5, xtc_threshold=0.02, dynatemp_range=0.4, dry_multiplier=1.5, dry_allowed_length=1,
)  # fmt: skip
CITY = Constraint(
    ConstraintKind.JSON_SCHEMA,
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "kind": {"enum": ["town", "village", "capital"]},
            "people": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        },
        "required": ["city", "kind", "people"],
    },
)
PROPERTIES = {"name": {"type": "string"}, "age": {"type": "integer"}}
PARAMETERS = {"type": "object", "properties": PROPERTIES, "required": ["name", "age"]}
TOOL = {"type": "function", "function": {"name": "UserDetail", "parameters": PARAMETERS}}
CALL = {
    "prompt": None,
    "messages": [{"role": "user", "content": "Jason is 25 years old"}],
    "tools": [TOOL],
    "tool_choice": ToolChoice.REQUIRED,
}


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    loaded = LlamaEngine(LlamaOptions(str(model_path), threads=2, slots=2, context_tokens=512))
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


@pytest.mark.parametrize("top_logprobs", [None, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"sampling": SAMPLED},
        {"sampling": PENALISED},
        {"sampling": PENALISED, "ignore_eos": True},
        {"sampling": SAMPLED, "stop": ["ou", " th", "zing"]},
        {"sampling": SAMPLED, "constraint": CITY},
        {"sampling": PENALISED, "constraint": CITY, "max_tokens": 30},
        {"sampling": SAMPLED, **CALL},
        {"sampling": Sampling(temperature=0), "constraint": CITY},
        {"sampling": FURTHER},
        {"sampling": replace(FURTHER, mirostat=1), "constraint": CITY},
        {"sampling": replace(SAMPLED, mirostat=1, mirostat_tau=3.0, mirostat_eta=0.4), "stop": ["ou", " th", "zing"]},
        {"sampling": replace(SAMPLED, mirostat=2, mirostat_tau=3.0, mirostat_eta=0.4)},
        {"sampling": replace(SAMPLED, mirostat=2, mirostat_tau=3.0, mirostat_eta=0.4), **CALL},
    ],
    ids=[
        "sampled", "penalised", "endless", "stop words", "schema", "closed in time", "call", "greedy",
        "further", "further with a schema", "mirostat 1", "mirostat 2", "mirostat 2, call",
    ],
)  # fmt: skip
def test_an_answer_cut_anywhere_continues_unchanged(
    engine: LlamaEngine, changes: dict[str, Any], top_logprobs: int | None
) -> None:
    job = TextJob(**{"prompt": "The largest city", "max_tokens": 60, "top_logprobs": top_logprobs, **changes})
    whole = answer(engine, job)
    cuts = range(len(whole) - 1)  # the end comes with the last tokens
    assert len(cuts) > 4
    for cut in cuts:
        sent = whole[:cut]
        generated = [token for tokens in sent if isinstance(tokens, Tokens) for token in tokens.token_ids]
        mu = next((tokens.mirostat_mu for tokens in reversed(sent) if isinstance(tokens, Tokens)), None)
        assert sent + answer(engine, job, generated, Started(7, 0), mu) == whole, f"cut after {cut} events"


def test_held_back_text_is_sent_by_the_worker_that_completes_it(engine: LlamaEngine) -> None:
    """Half a character, or a possible beginning of a stop string."""
    vocabulary = engine._generation.vocabulary
    job = TextJob(prompt="Say", max_tokens=40, sampling=SAMPLED, stop=["never comes up"])
    wave = vocabulary.tokenize("\N{WAVING HAND SIGN}", add_special=False, parse_special=False)
    assert len(wave) > 1
    sequence = engine._prepare(EngineJob("job", job, wave[:-1]), 0.0, PreparationAttempt(LIMITS))
    said = sequence.assembler.push(vocabulary.piece(wave[-1], special=False))
    assert said.text == "\N{WAVING HAND SIGN}"
    beginning = vocabulary.tokenize("never comes", add_special=False, parse_special=False)
    sequence = engine._prepare(EngineJob("job", job, beginning), 0.0, PreparationAttempt(LIMITS))
    said = sequence.assembler.push(b" dust")
    assert said.text == "never comes dust"


def test_an_echo_is_not_sent_twice(engine: LlamaEngine) -> None:
    """A worker that dies between a job's start and its first token leaves no tokens behind, only its start."""
    job = TextJob(prompt="Once upon a time", max_tokens=3, sampling=Sampling(temperature=0), echo=True)
    for begun, echoed in ((None, True), (Started(5, 2), False)):
        engine.submit(EngineJob("job", job, begun=begun))
        said = []
        while engine.has_work():
            said += [payload for _, payload in engine.step()]
        texts = [payload.text for payload in said if isinstance(payload, Tokens)]
        assert ("Once upon a time" in texts) is echoed
        assert any(isinstance(payload, Started) for payload in said) is echoed
