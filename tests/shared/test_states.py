from __future__ import annotations

from enum import StrEnum

import pytest

from shared.states import IllegalMove, move


class Light(StrEnum):
    GREEN = "green"
    RED = "red"


MOVES = {Light.GREEN: frozenset({Light.RED}), Light.RED: frozenset[Light]()}


def test_a_move_in_the_table_is_made() -> None:
    assert move(MOVES, Light.GREEN, Light.RED, "crossing") is Light.RED


def test_a_move_outside_the_table_names_the_machine_and_both_states() -> None:
    with pytest.raises(IllegalMove, match=r"^crossing: no move from red to green$"):
        move(MOVES, Light.RED, Light.GREEN, "crossing")
