"""What operators ask of running workers: to be taken out, or replaced one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, assert_never

from shared.wire.messages import ControlMessage, DrainWorker, RestartWorkers
from workers.supervisor.replica import Replica

END_MARGIN_S = 5.0
"""A worker that is drained gets so much more than its jobs do: these are moved to others when their time is over."""

log = logging.getLogger("nexa.supervisor")


class Orders:
    """Carries out orders beside everything else. Of one model, one worker at a time is restarted.

    Args:
        replicas: the replicas.
        drain_timeout_s: how long jobs may go on in a worker that is to end.
        on_done: told of each task that has ended.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        drain_timeout_s: float,
        on_done: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self._places = {replica.name: replica for replica in replicas}
        self._timeout_s = drain_timeout_s + END_MARGIN_S
        self._on_done = on_done
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, order: ControlMessage) -> None:
        """Begin with an order. Unknown names are ignored."""
        match order:
            case DrainWorker(worker_name=name):
                if name in self._places:
                    self._begin(self._places[name].drain(self._timeout_s))
            case RestartWorkers(worker_names=names):
                by_model: defaultdict[str, list[Replica]] = defaultdict(list)
                for name in names:
                    if name in self._places:
                        by_model[self._places[name].model].append(self._places[name])
                for model, replicas in by_model.items():
                    self._begin(self._restart_in_turn(model, replicas))
            case _:
                assert_never(order)

    async def close(self) -> None:
        """Leave what is not finished."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _restart_in_turn(self, model: str, replicas: list[Replica]) -> None:
        """Each once the one before it serves again: a model that does not load takes down no worker that serves."""
        async with self._turns[model]:
            for replica in replicas:
                log.info("restarting", extra={"worker": replica.name})
                if not await replica.restart(self._timeout_s):
                    log.error("not restarted", extra={"worker": replica.name, "reason": replica.detail})
                    return

    def _begin(self, order: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(order)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._on_done)
