"""The figures and the settings of the benchmark of models that exclude each other. The servers are not started."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.measurements.outcome import Outcome
from scripts.bench.residency.real.__main__ import table
from scripts.bench.residency.real.servers import Setting, budget_for_one, llama_server, nexa
from scripts.bench.residency.real.users import Turns, turns_of

SETTING = Setting((Path("/models/a.gguf"), Path("/models/b.gguf")), threads=2, context=1024, slots=4)


def test_the_budget_holds_each_model_and_no_two() -> None:
    assert budget_for_one({"a": 400, "b": 950}) == 1150


@pytest.mark.parametrize("needs", [{"a": 400}, {"a": 0, "b": 950}, {"a": 400, "b": 400, "c": 950}])
def test_there_is_no_budget_where_two_models_take_no_more_than_one(needs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"^models: expected some of which any two need more memory"):
        budget_for_one(needs)


def test_both_servers_get_the_same_models_threads_and_context() -> None:
    ours = nexa(2.0, 1150).command(SETTING, 8000)
    assert ours[4:6] == ["/models/a.gguf@load=demand", "/models/b.gguf@load=demand"]
    assert "--threads 2 --nctx 1024 --slots 4 --port 8000 --swap-patience-s 2.0 --memory-budget 1150" in " ".join(ours)
    theirs = " ".join(llama_server(Path("/bin/llama-server")).command(SETTING, 8001))
    assert theirs.startswith("/bin/llama-server --models-dir /models --models-max 1 --port 8001 --threads 2")
    assert theirs.endswith("--parallel 4 --ctx-size 4096")


def outcome(wait_s: float, error: str = "") -> Outcome:
    return Outcome(10.0, arrived_at_s=[10.0 + wait_s], ended_at_s=20.0, tokens=32, error=error)


def test_a_run_has_the_waits_and_tokens_of_its_answers_and_the_first_error() -> None:
    turns = turns_of(60.0, 3, [outcome(1.0), outcome(0.0, "503: busy"), outcome(4.0)])
    assert (turns.total_s, turns.loads, turns.tokens, turns.failures) == (60.0, 3, 64, 1)
    assert (turns.wait_s(50), turns.wait_s(100), turns.first_error) == (1.0, 4.0, "503: busy")


def test_ratios_are_taken_within_the_rounds() -> None:
    theirs = [Turns(100.0, 40, (2.0,), 640, 0), Turns(300.0, 40, (4.0,), 640, 0)]
    ours = [Turns(40.0, 2, (1.0,), 640, 0), Turns(60.0, 2, (30.0,), 640, 1)]
    rows = table({"theirs": theirs, "ours": ours}, "theirs")
    assert rows[2] == "| theirs | 200 s | 1 | 40 | 3.0 s | 3.0 s | 4.0 s | 0 |"
    assert rows[3] == "| ours | 50 s | 0.30 (0.20 to 0.40) | 2 | 15.5 s | 15.5 s | 30.0 s | 1 |"
