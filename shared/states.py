"""State machines as tables: the states that may follow each state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

S = TypeVar("S", bound=Enum)


class IllegalMove(RuntimeError):
    """A move that is not in the state machine's table: a bug in the caller."""


def move(table: Mapping[S, frozenset[S]], current: S, target: S, owner: str) -> S:
    """Return ``target`` if ``table`` allows it after ``current``. ``owner`` names the machine in the error.

    Raises:
        IllegalMove: the table has no such move.
    """
    if target not in table[current]:
        raise IllegalMove(f"{owner}: no move from {current} to {target}")
    return target
