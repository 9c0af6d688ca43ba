"""How many lines of a model run at once."""

from __future__ import annotations

from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.jobs.refusals import Refused
from shared.kinds import JobKind

UNSERVED = ""
"""Stands for all models that are not served: their lines fail at once."""
UNSERVED_SLOTS = 4

_KINDS = {"/v1/embeddings": JobKind.EMBEDDING}
"""The kind of model of endpoints that are not about text."""


class ServedSlots:
    """The slots of the workers of each model that ``broker`` serves."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def slots_of(self, model: str) -> int:
        """How many jobs the workers of a model run at once."""
        models = self._broker.settings.models
        return next((served.slots * served.workers for served in models if served.name == model), UNSERVED_SLOTS)

    def model_of(self, endpoint: str, name: str, limits: UserLimits) -> str:
        """The served model that ``name`` means for an endpoint and a user; empty if none is."""
        try:
            return self._broker.find_model(name or None, _KINDS.get(endpoint, JobKind.TEXT), limits).name
        except Refused:
            return UNSERVED
