"""A model with a sliding window has drafts where its cache keeps what the window has passed, and none otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_gguf.shapes.making import random_model
from shared.settings.placement import LlamaCppOptions
from shared.settings.text.speculation import Speculate
from shared.wire.jobs import Sampling, TextJob
from tests.support.engines.speculating import draft_always, run
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.speculation.options import SpeculationOptions

TOKENS = 120
"""More than the model's window of 64 tokens."""


@pytest.fixture(scope="module")
def windowed() -> Path:
    return random_model("random-tiny-swa-f16", lambda _: None)


def _engine(path: Path, speculate: Speculate, swa_full: str) -> LlamaEngine:
    draft = random_model("random-tiny-1b-f16", lambda _: None)  # it says the same now and then
    speculation = SpeculationOptions(speculate, str(draft), draft_tokens=3)
    native = LlamaCppOptions(gpu_layers=0, swa_full=swa_full)
    engine = LlamaEngine(
        LlamaOptions(str(path), 2, slots=2, context_tokens=512, speculation=speculation, native=native)
    )
    engine.load(lambda _fraction: None)
    return engine


def test_drafts_are_cut_from_a_whole_cache_beyond_the_window(windowed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft_always(monkeypatch)
    job = TextJob(prompt="Once upon a time", max_tokens=TOKENS, sampling=Sampling(temperature=0), ignore_eos=True)
    sampled = TextJob(prompt="Once more", max_tokens=TOKENS, sampling=Sampling(seed=2), ignore_eos=True)
    engine = _engine(windowed, Speculate.DRAFT, "on")
    said = run(engine, {"greedy": job, "sampled": sampled})
    stats = engine.stats()
    engine.close()
    assert [end[2] for end in map(tuple, said.values())] == [TOKENS, TOKENS]
    assert stats.drafted_tokens > stats.accepted_tokens > 0


def test_a_cache_of_the_window_has_none(windowed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft_always(monkeypatch)
    engine = _engine(windowed, Speculate.AUTO, "off")
    run(engine, {"job": TextJob(prompt="Once upon a time", max_tokens=20, sampling=Sampling(seed=1), ignore_eos=True)})
    assert engine.stats().drafted_tokens == 0
    engine.close()
