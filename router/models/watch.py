"""Serves models that appear on this machine while the server runs, and no longer serves those that are gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from router.jobs.broker import Broker
from router.threads import Lane
from shared.discovery.served import DiscoveredModels
from shared.hub.store import default_root
from shared.settings import ModelSettings

LOOK_INTERVAL_S = 5.0
GLANCE_INTERVAL_S = 0.5
"""Time between glances at the time of the store's folder, which ``nexa pull`` and ``nexa rm`` change."""
LOOK_TIMEOUT_S = 120.0
FIRST_LOOK_S = 10.0
"""How long a router that starts waits for its first look before it answers requests."""
APPEAR_TIMEOUT_S = 30.0
"""How long a fetching that has ended waits for its model to be served, until it says so without it."""

log = logging.getLogger("nexa.router")


class ModelWatch:
    """Looks for models again and again, if the server serves those that it finds, and at once when it is told to.

    A look that fails changes nothing.
    """

    def __init__(self, broker: Broker) -> None:
        settings = broker.settings
        self._broker = broker
        self._looks = settings.all_models or bool(settings.model_folders)
        self._discovered = DiscoveredModels(settings) if self._looks else None
        self._named = tuple(model for model in settings.models if not model.source)
        self._fitted = {model.name: model for model in settings.models if model.load == "start"}
        self._lane = Lane("look for models", threads=1, timeout_s=LOOK_TIMEOUT_S)
        self._turn = asyncio.Lock()
        self._looked = asyncio.Event()

    async def run(self) -> None:
        """Look for models as long as the server runs."""
        while self._looks:
            changed_ns = await self._store_changed_ns()
            async with self._turn:
                await self._look()
            self._looked.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await self._store_changes(changed_ns)

    async def wait_looked(self) -> None:
        """Wait until :meth:`run` has looked once, at most ``FIRST_LOOK_S``.

        A router that is started again knows only the models of the server's start.
        """
        if self._looks:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_LOOK_S):
                    await self._looked.wait()

    async def look(self) -> None:
        """Look now: a model that is here by now is served when this returns. One that cannot be read is given up."""
        if self._looks:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(APPEAR_TIMEOUT_S), self._turn:
                    await self._look()

    async def remove(self, model: str, delete: Callable[[], object]) -> None:
        """Serve a model no longer, then ``delete`` its files, in a thread. It is served again if that fails.

        Raises:
            TimeoutError: the disk does not answer.
            Exception: whatever ``delete`` raises.
        """
        async with self._turn:
            self._broker.set_models(tuple(served for served in self._broker.models if served.name != model))
            try:
                await self._lane.run(delete)
            finally:
                await self._look()

    async def _look(self) -> None:
        assert self._discovered is not None
        try:
            found = await self._lane.run(self._discovered.refresh)
            models = (*self._named, *(_as_started(model, self._fitted) for model in found))
        except Exception:
            log.exception("models not looked for")
        else:
            if models != self._broker.models:
                _tell(self._broker.models, models)
                self._broker.set_models(models)

    async def _store_changes(self, before_ns: int) -> None:
        """Wait until something was fetched into the store, or deleted from it, by any process."""
        while await self._store_changed_ns() == before_ns:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(GLANCE_INTERVAL_S)

    async def _store_changed_ns(self) -> int:
        with contextlib.suppress(OSError, TimeoutError):
            return await self._lane.run(lambda: Path(default_root()).stat().st_mtime_ns)
        return 0


def _as_started(model: ModelSettings, fitted: Mapping[str, ModelSettings]) -> ModelSettings:
    """A found model with the sizes that its workers were started with, if it is one of those."""
    started = fitted.get(model.name)
    return started if started is not None and model.load == "start" and started.path == model.path else model


def _tell(before: tuple[ModelSettings, ...], now: tuple[ModelSettings, ...]) -> None:
    added = [model for model in now if model not in before]
    gone = [model for model in before if model not in now]
    log.info("models changed", extra={"added": _names(added), "gone": _names(gone)})


def _names(models: list[ModelSettings]) -> str:
    return ", ".join(model.name for model in models) or "none"
