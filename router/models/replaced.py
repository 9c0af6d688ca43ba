"""Notices that the files of a model were replaced by others of the same names: what was known of them is forgotten."""

from __future__ import annotations

import asyncio
import contextlib

from router.jobs.broker import Broker
from router.models.service import ModelService
from router.threads import Lane
from shared.memory.files import files_stamp
from shared.settings import ModelSettings

LOOK_INTERVAL_S = 5.0
LOOK_TIMEOUT_S = 60.0


class FileWatch:
    """Looks at the sizes and times of all models' files, again and again.

    When they change, what the model needs is estimated anew, and ``service`` reads the files again.
    """

    def __init__(self, broker: Broker, service: ModelService) -> None:
        self._broker = broker
        self._service = service
        self._lane = Lane("look at files of models", threads=1, timeout_s=LOOK_TIMEOUT_S)
        self._stamps: dict[str, tuple[int, ...]] = {}

    async def run(self) -> None:
        """Look as long as the server runs. A disk that does not answer is looked at later."""
        while True:
            with contextlib.suppress(TimeoutError, OSError):
                await self.look()
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def look(self) -> None:
        """Look now."""
        models = [model for model in self._broker.models if model.path]
        stamps = await self._lane.run(_stamps_of, models)
        for name, stamp in stamps.items():
            if self._stamps.get(name, stamp) != stamp:
                self._broker.residency.estimate_again(name)
                self._service.forget(name)
        for gone in self._stamps.keys() - stamps.keys():
            self._service.forget(gone)
        self._stamps = stamps


def _stamps_of(models: list[ModelSettings]) -> dict[str, tuple[int, ...]]:
    return {model.name: files_stamp(model) for model in models}
