"""Where attacks register.

@attack("half-bodies", "60 bodies of 30 MB, each sent up to its last byte")
async def half_bodies(target: Target) -> str:
    ...
    return "60 x 429"
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from scripts.attack.target import Target

ECHO = ("echo:0.02",)

Run = Callable[[Target], Coroutine[Any, Any, str]]
"""Attacks the target, and returns what the attacker got, in a few words."""


@dataclass(frozen=True, slots=True)
class Attack:
    """``server`` has the words after ``nexa server``. Attacks with the same words share one server."""

    name: str
    what: str
    server: tuple[str, ...]
    run: Run


ATTACKS: dict[str, Attack] = {}


def attack(name: str, what: str, server: tuple[str, ...] = ECHO) -> Callable[[Run], Run]:
    """Register an attack."""

    def register(run: Run) -> Run:
        if name in ATTACKS:
            raise ValueError(f"two attacks are called {name}")
        ATTACKS[name] = Attack(name, what, server, run)
        return run

    return register
