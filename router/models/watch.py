"""Serves models that appear on this machine while the server runs, and no longer serves those that are gone."""

from __future__ import annotations

import asyncio
import logging

from router.jobs.broker import Broker
from router.threads import Lane
from shared.discovery.served import DiscoveredModels
from shared.settings import ModelSettings

LOOK_INTERVAL_S = 5.0
LOOK_TIMEOUT_S = 120.0

log = logging.getLogger("nexa.router")


async def watch_models(broker: Broker) -> None:
    """Look for models again and again, if the server serves those that it finds. A look that fails changes nothing."""
    settings = broker.settings
    if not settings.all_models and not settings.model_folders:
        return
    discovered = DiscoveredModels(settings)
    lane = Lane("look for models", threads=1, timeout_s=LOOK_TIMEOUT_S)
    named = tuple(model for model in settings.models if not model.source)
    while True:
        try:
            models = (*named, *await lane.run(discovered.refresh))
        except Exception:
            log.exception("models not looked for")
        else:
            if models != broker.models:
                _tell(broker.models, models)
                broker.set_models(models)
        await asyncio.sleep(LOOK_INTERVAL_S)


def _tell(before: tuple[ModelSettings, ...], now: tuple[ModelSettings, ...]) -> None:
    added = [model for model in now if model not in before]
    gone = [model for model in before if model not in now]
    log.info("models changed", extra={"added": _names(added), "gone": _names(gone)})


def _names(models: list[ModelSettings]) -> str:
    return ", ".join(model.name for model in models) or "none"
