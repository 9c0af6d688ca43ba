"""A few of the random orders of ``scripts.picture_fuzz``, which ``make test-more`` runs in thousands."""

from __future__ import annotations

from scripts.picture_fuzz.__main__ import outcome_of
from scripts.picture_fuzz.orders import OrderMaker
from workers.diffusion.engine import PictureEngine


def test_random_orders_are_painted_or_refused(engine: PictureEngine) -> None:
    maker = OrderMaker(seed=5, loras=("style0", "style1"))
    found = {outcome_of(engine, maker.order()) for _ in range(60)}
    assert found == {"painted", "refused by the router", "refused by the worker"}
