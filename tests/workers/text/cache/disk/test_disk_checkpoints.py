"""Models whose sequences cannot be cut go on from disk: at the end of what was saved, and at its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.make_gguf.shapes.making import random_model
from shared.settings.placement import LlamaCppOptions
from tests.support.caches.disk_runs import Runs, answer

STORY = "The lamp on the hill is lit each night. The ships see it from far away, and the men on them are glad. " * 14
WINDOWED = LlamaCppOptions(swa_full="off")


@pytest.fixture(params=["recurrent", "hybrid", "swa"])
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    # A tiny model computes a prompt faster than any disk reads it.
    monkeypatch.setattr("workers.text.cache.disk.costs.ReadCosts.pays", lambda *_: True)
    made = Runs(tmp_path, random_model(f"random-tiny-{request.param}-f16", lambda line: None))
    yield made
    made.end(clean=False)


def test_a_prompt_goes_on_at_a_checkpoint_from_disk(runs: Runs) -> None:
    """The same prompt again: the saved sequence is longer, so it must go back in it."""
    first, _ = answer(runs.begin(native=WINDOWED), STORY)
    engine = runs.begin(native=WINDOWED)
    again, cached = answer(engine, STORY)
    assert cached > 300
    assert (engine.stats().disk_hits, engine.stats().checkpoint_hits) == (1, 1)
    assert again == first


def test_another_end_shares_only_what_is_before_a_checkpoint(runs: Runs) -> None:
    answer(runs.begin(native=WINDOWED), STORY)
    other = STORY[: len(STORY) // 3] + "But one night the lamp was dark. " * 20
    engine = runs.begin(native=WINDOWED)
    _, cached = answer(engine, other)
    assert cached == 0
    assert engine.stats().disk_hits == 0


def test_a_later_turn_goes_on_with_the_same_text(runs: Runs) -> None:
    first, _ = answer(runs.begin(native=WINDOWED), STORY)
    prompt = STORY + first + " And then the wind came over the sea."
    cold = answer(runs.begin(disk=False, native=WINDOWED), prompt)
    text, cached = answer(runs.begin(native=WINDOWED), prompt)
    assert (text, cold[1]) == (cold[0], 0)
    assert cached > 300
    runs.end()
    assert len(runs.files()) == 1


def test_windows_are_another_key_than_full_layers(runs: Runs) -> None:
    answer(runs.begin(native=WINDOWED), STORY)
    full = runs.begin(native=LlamaCppOptions(swa_full="on"))
    _, cached = answer(full, STORY)
    assert (cached > 0) == full._cache.needs_checkpoints  # only layers with windows have two ways
