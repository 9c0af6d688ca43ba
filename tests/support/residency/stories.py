"""Stories of models on devices: what the controller of residency does, against a supervisor that a test plays."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from router.jobs.job import Job, JobState
from shared.settings import ModelSettings
from shared.wire.supervision import Order, WorkerState
from tests.support.residency.played_supervisor import PlayedSupervisor, on_demand

A, B = on_demand("a"), on_demand("b")
ONE = {"cpu": 10}
TWO_GPUS = {"cpu": 100, "cuda:0": 10, "cuda:1": 10}
PATIENCE_S = 30.0
READY, UNLOADED, FAILED = WorkerState.READY, WorkerState.UNLOADED, WorkerState.FAILED

Pass = Callable[[float], None]


def story(told: Callable[[PlayedSupervisor], Awaitable[None]], *models: ModelSettings, **options: Any) -> None:
    """Tell a story of models on devices."""
    budgets = options.pop("budgets", ONE)

    async def tell() -> None:
        played = PlayedSupervisor(models or (A, B), budgets, **options)
        await told(played)
        await played.controller.close()

    asyncio.run(tell())


def first_of(kind: type[Order], count: int) -> Callable[[Order], bool]:
    """Whether an order is one of the first so many of its kind."""
    seen = itertools.count()
    return lambda order: isinstance(order, kind) and next(seen) < count


def runs(job: Job) -> bool:
    return job.state is not JobState.QUEUED


async def until(played: PlayedSupervisor, holds: Callable[[], bool]) -> None:
    """Go on until something holds that another thread brings about."""
    async with asyncio.timeout(20.0):
        while not holds():
            await played.turn()
            await asyncio.sleep(0.001)


def end(played: PlayedSupervisor, *jobs: Job) -> None:
    """Let running jobs come to their end."""
    for job in jobs:
        played.dispatcher.take_out(job, done=True)
        played.dispatcher.dispatch_after(job)


def crowd(played: PlayedSupervisor, model: str = "a", count: int = 8) -> list[Job]:
    return [played.ask(model, user=f"user {number % 3}") for number in range(count)]
