"""What models need of the devices: where a worker may go, and what has been learnt of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from router.jobs.residency.plan import Memory
from shared.settings import ModelSettings


class ModelNeeds(NamedTuple):
    """What one worker of a model needs.

    ``choices`` are the settings, adapted to each place where it may go, with what it takes there, best first. Without
    any, the model does not fit, and ``refusal`` says why. ``load_s`` is how long loading takes, measured or estimated.
    """

    choices: tuple[tuple[Memory, ModelSettings], ...]
    load_s: float
    refusal: str = ""


class NeedsSource(Protocol):
    """Estimates what models need, and learns what they really take."""

    def of(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        """What a worker of this model needs on devices with these budgets, in bytes by the device's name.

        It may read files, once for each model: call it in a thread.
        """

    def learn(self, model: ModelSettings, planned: Memory, measured: Memory, load_s: float) -> None:
        """Note what a worker of this model was planned to take, what it takes, and how long it took to load."""

    def too_little(self, model: ModelSettings) -> None:
        """Note that a worker of this model found less memory than it needed."""
