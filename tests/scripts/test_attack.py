"""What ``scripts.attack`` reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.attack.__main__ import main
from scripts.attack.groups import load_groups
from scripts.attack.honest import Waits
from scripts.attack.registry import ATTACKS
from scripts.attack.report import Result, table

HARMLESS = Result("a", "3 x 413", 2.0, [], Waits(health_s=0.1, token_s=0.1, answers=5), 200_000_000)


def test_an_attack_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["half-bodies", "nonsense"])
    assert capsys.readouterr().err.endswith("NAME: expected an attack of the list, or all; got 'nonsense'\n")


def test_all_groups_register_their_attacks() -> None:
    load_groups()
    assert {"empty-lists", "half-bodies", "huge-prompt", "long-prompts", "long-streams"} <= ATTACKS.keys()
    assert all(one.what and one.server for one in ATTACKS.values())


@pytest.mark.parametrize(
    ("harm", "missed"),
    [
        ({"died": ["worker echo/0"]}, "1 died (worker echo/0)"),
        ({"waits": Waits(health_s=0.6)}, "/health 0.60 s"),
        ({"waits": Waits(token_s=2.5)}, "tokens 2.50 s"),
        ({"peak_bytes": 700_000_000}, "router 700 MB"),
        ({"waits": Waits(errors=["/health: ConnectionResetError()"])}, "1 errors (/health: ConnectionResetError())"),
    ],
)
def test_a_missed_target_is_named(harm: dict[str, Any], missed: str) -> None:
    result = replace(HARMLESS, **harm)
    assert result.missed == [missed]
    assert table([result]).endswith(f"| {missed} |")


def test_the_table_says_how_many_answers_honest_clients_got() -> None:
    heads, _, row = (line.split(" | ") for line in table([HARMLESS]).splitlines())
    assert row[heads.index("others' answers")] == "5"


def test_lateness_of_the_measurement_itself_is_no_harm() -> None:
    assert replace(HARMLESS, waits=Waits(health_s=0.7, own_lag_s=0.3)).missed == []
