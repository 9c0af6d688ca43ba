"""The benchmark of long contexts: a filled cache is worth a computed one, and a run goes on where one ended."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np
import pytest

from scripts.bench.depth import __main__ as program
from scripts.bench.depth import engines
from scripts.bench.depth.engines import DeepEngine
from scripts.bench.depth.filling import BLOCK
from scripts.bench.depth.results import Results
from scripts.bench.depth.step_costs import by_engine, in_bare_loop
from scripts.make_gguf.shapes.making import random_model
from workers.text.model import BatchSlice


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(engines, "SLOTS", 2)
    return random_model("random-tiny-1b-f16", lambda line: None)


def test_a_filled_cache_gives_what_a_computed_one_gives(path: Path) -> None:
    """Only near its start: a copied block does not know what is before it."""
    deep = DeepEngine(path, "f16", BLOCK, 2)
    deep.fill(BLOCK)
    (kept,) = deep.engine._cache._kept
    next_token = deep.prompt(BLOCK + 1)[-1:]
    filled = np.array(deep.decoder.decode([BatchSlice(kept, BLOCK, next_token, 1)]))
    deep.decoder.memory.remove(kept)
    for start in range(0, BLOCK, 512):
        deep.decoder.decode([BatchSlice(0, start, deep.prompt(BLOCK)[start : start + 512], 0)])
    computed = np.array(deep.decoder.decode([BatchSlice(0, BLOCK, next_token, 1)]))
    deep.close()
    assert np.array_equal(filled, computed)


def test_the_engine_finds_what_was_filled(path: Path) -> None:
    deep = DeepEngine(path, "f16", 3 * BLOCK, 2)
    for depth in (3 * BLOCK, 0, BLOCK):
        assert by_engine(deep, depth, 8).prompt_s > 0
        assert in_bare_loop(deep, depth, 8).answer_s > 0
    deep.close()


def test_depths_are_whole_blocks(path: Path) -> None:
    deep = DeepEngine(path, "f16", BLOCK, 2)
    with pytest.raises(ValueError, match=r"^depth: expected a multiple of 1024, got 0 and 100$"):
        deep.fill(100)
    deep.close()


def test_a_run_measures_only_what_is_missing_and_draws_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "file_of", lambda name: str(path))
    words = ["--model", "random-any", "--kinds", "f16", "--parts", "costs", "--tokens", "8"]
    monkeypatch.setattr(sys, "argv", ["depth", *words, "--depths", "0"])
    assert program.main() == 0
    first = Results.of_model("random-any").rounds
    monkeypatch.setattr(sys, "argv", ["depth", *words, "--depths", f"0,{BLOCK}"])
    assert program.main() == 0
    both = Results.of_model("random-any").rounds
    assert first.keys() == {"costs|f16|0"}
    assert both.keys() == {"costs|f16|0", f"costs|f16|{BLOCK}"}
    assert both["costs|f16|0"] == first["costs|f16|0"]
    assert "a prompt" in capsys.readouterr().out
    assert xml.parse(tmp_path / "build/bench/depth/random-any.svg").getroot().tag.endswith("svg")
