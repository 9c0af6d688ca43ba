"""Operators' orders: take a worker out of service, restart workers one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from shared.wire.supervision import DrainWorker, LoadWorker, Order, RestartWorkers, UnloadWorker, WorkerState
from workers.supervisor.replicas.fleet import Fleet
from workers.supervisor.replicas.replica import Replica

END_MARGIN_S = 5.0
"""Extra time for a draining worker to exit after the router has moved its remaining jobs to other workers."""

log = logging.getLogger("nexa.supervisor")


class Orders:
    """Carries out orders in the background. Workers of one model are restarted one at a time.

    Args:
        fleet: the replicas.
        drain_timeout_s: how long a draining worker may continue its jobs.
        on_done: called with each finished task.
    """

    def __init__(
        self,
        fleet: Fleet,
        drain_timeout_s: float,
        on_done: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self._fleet = fleet
        self._places = fleet.by_name
        self._timeout_s = drain_timeout_s + END_MARGIN_S
        self._on_done = on_done
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._awaiting_restart: set[str] = set()

    def take(self, order: Order) -> None:
        """Start an order. Ignored are unknown workers, and for a restart those that wait for one already."""
        match order:
            case DrainWorker(worker_name=name):
                if name in self._places:
                    self._start(self._places[name].drain(self._timeout_s))
            case RestartWorkers(worker_names=names):
                by_model: defaultdict[str, list[Replica]] = defaultdict(list)
                for name in names:
                    if name in self._places and self._may_restart(name):
                        self._awaiting_restart.add(name)
                        by_model[self._places[name].model].append(self._places[name])
                for model, replicas in by_model.items():
                    self._start(self._restart_in_turn(model, replicas))
            case LoadWorker():
                log.info("loading", extra={"worker": order.worker_name})
                self._fleet.load(order)
            case UnloadWorker(worker_name=name, timeout_s=timeout_s, reason=reason):
                if name in self._places:
                    log.info("unloading", extra={"worker": name, "reason": reason})
                    self._start(self._places[name].unload(timeout_s + END_MARGIN_S, reason))
            case _:
                assert_never(order)

    def _may_restart(self, name: str) -> bool:
        """Whether no restart is awaited; an empty place is the router's to fill."""
        return name not in self._awaiting_restart and self._places[name].state is not WorkerState.UNLOADED

    async def close(self) -> None:
        """Cancel unfinished orders."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _restart_in_turn(self, model: str, replicas: list[Replica]) -> None:
        """Restart each worker once the one before it is ready: a model that does not load keeps its other workers."""
        async with self._turns[model]:
            for number, replica in enumerate(replicas):
                self._awaiting_restart.discard(replica.name)
                log.info("restarting worker", extra={"worker": replica.name})
                if not await replica.restart(self._timeout_s):
                    log.error("worker not restarted", extra={"worker": replica.name, "reason": replica.detail})
                    self._awaiting_restart.difference_update(left.name for left in replicas[number + 1 :])
                    return

    def _start(self, order: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(order)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._on_done)
