"""Speculation with real weights: a model that drafts for itself, and a text that is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.settings.text.speculation import Speculate
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Done, Payload, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.speculation.lengths import DraftCandidate
from workers.text.speculation.options import SpeculationOptions
from workers.text.speculation.speculation import Speculation

WORDS = "red, green, blue, white, black, brown, " * 4


@pytest.fixture(params=[Speculate.DRAFT, Speculate.NGRAM])
def engine(model_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LlamaEngine]:
    def longest(_self: Speculation, candidates: list[DraftCandidate], _scheduled: object) -> list[int]:
        return [candidate.most for candidate in candidates]

    monkeypatch.setattr(Speculation, "_lengths", longest)
    options = SpeculationOptions(request.param, str(model_path), draft_tokens=4)
    loaded = LlamaEngine(LlamaOptions(str(model_path), threads=2, slots=4, context_tokens=512, speculation=options))
    loaded.load(lambda _fraction: None)
    yield loaded
    loaded.close()


def test_most_drafts_are_accepted_and_steps_are_saved(engine: LlamaEngine) -> None:
    payloads: list[Payload] = []
    prompts = [WORDS, f"Colours: {WORDS}"]
    for number, prompt in enumerate(prompts):
        job = TextJob(prompt=prompt, max_tokens=60, sampling=Sampling(temperature=0), ignore_eos=True)
        engine.submit(EngineJob(f"job {number}", job))
    while engine.has_work():
        payloads += [payload for _, payload in engine.step()]
    stats = engine.stats()
    generated = sum(len(payload.token_ids) for payload in payloads if isinstance(payload, Tokens))
    assert sum(isinstance(payload, Done) for payload in payloads) == len(prompts)
    assert generated == 60 * len(prompts)
    assert stats.accepted_tokens > stats.drafted_tokens / 2
    assert stats.steps < 60
