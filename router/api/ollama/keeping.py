"""``keep_alive``: how long a model that is loaded on demand stays, and requests that only load or unload one."""

from __future__ import annotations

from router.jobs.broker import Broker
from shared.settings import ModelSettings


def keep(broker: Broker, model: ModelSettings, keep_alive: float | None, only_loads: bool = False) -> None:
    """Do what a request's ``keep_alive`` asks for; one that ``only_loads`` has no job that would load the model.

    At 0 the model leaves once it is idle: no other request suffers.
    """
    if model.load != "demand":
        return
    if keep_alive is not None:
        broker.residency.keep(model.name, keep_alive)
    if only_loads and keep_alive != 0:
        broker.residency.load(model.name)
