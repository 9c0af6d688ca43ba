"""What a run of the benchmark measures, and how an interrupted one goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.bench import __main__ as program
from scripts.bench import machine
from scripts.bench.measurements.figures import cell_of
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.report.targets import USUAL_BYTES
from scripts.bench.rounds import Bench

CELL = cell_of([Outcome(0.0, [0.5], 1.0, tokens=4)], 0.0, 1.0).as_dict()


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Bench]:
    """The runs so far, which measure nothing and write a round."""
    seen: list[Bench] = []

    def run(bench: Bench, save: Callable[[], object]) -> None:
        seen.append(bench)
        bench.rounds = [*bench.rounds, {"nexa": {"a": CELL}}]
        save()

    monkeypatch.setattr(Bench, "run", run)
    monkeypatch.setattr(machine, "describe", lambda: {"date": ""})
    monkeypatch.setattr(program, "_present", lambda results, folder: None)
    monkeypatch.chdir(tmp_path)
    return seen


def bench(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    return program.main()


def model_of(size: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "m.gguf"
    with path.open("wb") as file:
        file.truncate(size)
    monkeypatch.setattr(program, "_model_path", lambda name: path)


def test_of_a_small_model_all_is_measured(runs: list[Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_of(1000, tmp_path, monkeypatch)
    assert bench(monkeypatch) == 0
    assert len(runs[0].contenders) == 5
    assert runs[0].chosen == ["a", "b4", "b8", "b16", "b32", "c", "d", "e", "f", "g"]


def test_of_a_model_of_a_usual_size_what_has_targets_is_measured_or_what_is_named(
    runs: list[Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_of(USUAL_BYTES, tmp_path, monkeypatch)
    assert bench(monkeypatch) == 0
    assert [contender.name for contender in runs[0].contenders] == ["bare loop", "nexa", "llama-server"]
    assert runs[0].chosen == ["a", "b16", "c", "d", "e"]
    assert bench(monkeypatch, "--only", "f", "--servers", "llama_cpp.server") == 0
    assert [contender.name for contender in runs[1].contenders] == ["llama_cpp.server"]
    assert runs[1].chosen == ["f"]


def test_a_run_goes_on_with_its_own_results_only(
    runs: list[Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_of(1000, tmp_path, monkeypatch)
    assert [bench(monkeypatch, "--resume"), bench(monkeypatch, "--resume")] == [0, 0]
    assert [len(run.rounds) for run in runs] == [1, 2]
    results = tmp_path / "build/bench/results.json"
    assert len(json.loads(results.read_text())["rounds"]) == 2
    assert [path.name for path in results.parent.iterdir()] == ["results.json"]
    with pytest.raises(SystemExit, match=r"--resume: expected a run with .*got another"):
        bench(monkeypatch, "--resume", "--slots", "3")
    results.write_text("{")
    with pytest.raises(SystemExit, match="--resume: expected the results of a run, got a damaged"):
        bench(monkeypatch, "--resume")
