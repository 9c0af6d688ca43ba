"""Drafts within limits: budgets of thoughts, and memories without room for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.settings.text.speculation import Speculate
from shared.wire.jobs import Sampling, TextJob
from tests.support.engines.hashed_decoder import HashedDecoder
from tests.support.engines.speculating import draft_always, hashed_engine, run
from tests.support.workers import chat_templates
from workers.text.model import BatchSlice, NoRoom

SOURCES = [Speculate.NGRAM, Speculate.DRAFT, Speculate.AUTO]
BUDGETS = (0, 1, 7, 23)


class CrampedDecoder(HashedDecoder):
    """It has no room for more than one token of a sequence that generates."""

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        if any(part.outputs > 1 for part in slices):
            raise NoRoom
        return super().decode(slices)


class RefusingDecoder(HashedDecoder):
    """Every few batches it has no room, whatever they are."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__(vocabulary_size)
        self.batches = 0

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        self.batches += 1
        if self.batches % 5 == 0:
            raise NoRoom
        return super().decode(slices)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    draft_always(monkeypatch)


@pytest.mark.parametrize("speculate", SOURCES)
def test_thoughts_end_at_their_budgets_whether_they_were_drafted_or_not(
    model_path: Path, tmp_path: Path, speculate: Speculate
) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(chat_templates.THINKS_IN_PROMPT)
    asked = [{"role": "user", "content": "Hello"}]
    jobs = {
        f"budget {budget}": TextJob(
            messages=asked, sampling=Sampling(seed=3), max_tokens=60, thinking_budget_tokens=budget, ignore_eos=True
        )
        for budget in BUDGETS
    }
    for plain in hashed_engine(model_path, Speculate.OFF, chat_template=str(template)):
        expected = run(plain, jobs)
    thought = [said[3] for said in expected.values()]
    assert thought == sorted(thought)
    assert thought[-1] >= BUDGETS[-1]
    for speculating in hashed_engine(model_path, speculate, chat_template=str(template)):
        assert run(speculating, jobs) == expected
        assert speculating.stats().accepted_tokens


@pytest.mark.parametrize("speculate", SOURCES)
@pytest.mark.parametrize("decoder", [CrampedDecoder, RefusingDecoder])
def test_answers_go_on_without_drafts_where_the_memory_has_no_room(
    model_path: Path, decoder: type[HashedDecoder], speculate: Speculate
) -> None:
    jobs = {
        f"job {seed}": TextJob(prompt="The largest city", sampling=Sampling(seed=seed), max_tokens=60, ignore_eos=True)
        for seed in range(3)
    }
    for plain in hashed_engine(model_path, Speculate.OFF):
        expected = run(plain, jobs)
    for cramped in hashed_engine(model_path, speculate, decoder):
        assert run(cramped, jobs) == expected
        cramped._cache.clear_kept()
        assert cramped._cache.used_cells == 0


def test_a_draft_model_that_says_the_same_guesses_the_very_draws(model_path: Path) -> None:
    jobs = {
        f"job {top_k}": TextJob(
            prompt="The largest city",
            sampling=Sampling(seed=4, temperature=1.2, top_k=top_k, top_p=0.95),
            max_tokens=60,
            ignore_eos=True,
        )
        for top_k in (0, 50)
    }
    for speculating in hashed_engine(model_path, Speculate.DRAFT):
        run(speculating, jobs)
        stats = speculating.stats()
        assert stats.accepted_tokens == stats.drafted_tokens > 60
