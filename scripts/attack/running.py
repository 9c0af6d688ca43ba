"""Runs an attack in a process of its own."""

from __future__ import annotations

import asyncio
import os
import time

from scripts.attack.registry import ATTACKS
from scripts.attack.target import Target

LOWEST_PRIORITY = 19


def run_attack(name: str, target: Target, seconds: float) -> str:
    """Run the attack again and again for ``seconds``, at least once; returns what the attacker got the last time.

    Attackers are on other machines, so they take no processor time that the server needs.
    """
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)
    ends_at_s = time.monotonic() + seconds
    while True:
        got = asyncio.run(ATTACKS[name].run(target))
        if time.monotonic() >= ends_at_s:
            return got
