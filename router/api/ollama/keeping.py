"""``keep_alive``: how long a model that is loaded on demand stays, and requests that only load or unload one."""

from __future__ import annotations

import asyncio

from router.jobs.broker import Broker
from router.jobs.refusals import no_worker
from router.schemas.errors import ApiError
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState

LOOK_INTERVAL_S = 0.1
"""Time between looks at a model that loads."""


def keep(broker: Broker, model: ModelSettings, keep_alive: float | None, only_loads: bool = False) -> None:
    """Do what a request's ``keep_alive`` asks for; one that ``only_loads`` has no job that would load the model.

    At 0 the model leaves once it is idle: no other request suffers.

    Raises:
        Refused: a request that ``only_loads`` wants a model that does not fit, or whose load has failed lately.
    """
    if model.load != "demand":
        return
    if only_loads and keep_alive == 0:
        if broker.residency.comes(model.name):
            broker.residency.keep(model.name, 0.0)
        return
    reason = (broker.misfit(model.name) or broker.hopeless(model.name)) if only_loads else None
    if reason is not None:
        raise no_worker(model.name, reason)
    if keep_alive is not None:
        broker.residency.keep(model.name, keep_alive)
    if only_loads:
        broker.residency.load(model.name)


async def wait_loaded(broker: Broker, model: ModelSettings, timeout_s: float | None) -> None:
    """Wait until a model that was ordered to load is loaded. It goes on loading if the caller is cancelled.

    Raises:
        Refused: it cannot be loaded, or was unloaded meanwhile.
        ApiError: 504, ``timeout_s`` has passed.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while not _is_ready(broker, model.name):
                reason = _given_up(broker, model)
                if reason is not None:
                    raise no_worker(model.name, reason)
                await asyncio.sleep(LOOK_INTERVAL_S)
    except TimeoutError:
        message = f"timeout: {model.name} was still loading after {timeout_s:g} s, and goes on; raise its `timeout`"
        raise ApiError(504, message, "timeout", "deadline_exceeded") from None


def _is_ready(broker: Broker, model: str) -> bool:
    return any(row.model == model and row.state == WorkerState.READY for row in broker.workers())


def _given_up(broker: Broker, model: ModelSettings) -> str | None:
    """Why a model will not be loaded, as far as is known; None if it may be."""
    reason = broker.misfit(model.name) or broker.hopeless(model.name)
    if reason is None and model.load == "demand" and not broker.residency.comes(model.name):
        return "it was unloaded before it was loaded"
    return reason
