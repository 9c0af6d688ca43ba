"""A few of the random orders of ``scripts.picture_fuzz``, which ``make test-more`` runs in thousands."""

from __future__ import annotations

from pathlib import Path

from scripts.picture_fuzz.__main__ import outcome_of
from scripts.picture_fuzz.loras import write_random_loras
from scripts.picture_fuzz.orders import OrderMaker
from workers.diffusion.native.engine import DiffusionEngine

OUTCOMES = {"painted", "refused by the router", "refused by the worker"}


def test_random_orders_are_painted_or_refused(engine: DiffusionEngine, lora_folder: Path) -> None:
    write_random_loras(lora_folder, seed=0, count=20)
    maker = OrderMaker(seed=5, loras=tuple(f"style{number}" for number in range(20)))
    assert {outcome_of(engine, maker.order()) for _ in range(25)} == OUTCOMES
