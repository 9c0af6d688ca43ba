"""All replicas of the server: those that start with it, and those that the router orders later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

from shared.settings import ModelSettings
from shared.wire.messages import Heartbeat
from shared.wire.supervision import LoadWorker, WorkerState
from workers.supervisor.placing.needs import worker_names
from workers.supervisor.placing.placer import Placer
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.replicas.replica import FirstLoad, Replica


class Fleet:
    """The replicas by name, each with a task that keeps it.

    Args:
        models: the models that are loaded at the start.
        placer: starts the workers.
        limits: when a worker counts as hung; those of its model by default.
        on_change: called after each change of a replica.
        on_done: called with each task that has ended.
        orders: settings and memory of the workers that start with the server, by name, where they were fitted.
    """

    def __init__(
        self,
        models: Sequence[ModelSettings],
        placer: Placer,
        limits: WorkerLimits | None,
        on_change: Callable[[], None],
        on_done: Callable[[asyncio.Task[None]], None],
        orders: Mapping[str, FirstLoad] | None = None,
    ) -> None:
        self._placer = placer
        self._limits = limits
        self._on_change = on_change
        self._on_done = on_done
        self._tasks: list[asyncio.Task[None]] = []
        self.by_name = {
            name: Replica(
                name,
                model.name,
                placer,
                limits or WorkerLimits.of(model.kinds),
                on_change,
                first=(orders or {}).get(name),
            )
            for model in models
            for name in worker_names(model)
        }

    @property
    def replicas(self) -> list[Replica]:
        """All replicas, the first ones first."""
        return list(self.by_name.values())

    @property
    def at_start(self) -> list[Replica]:
        """The replicas of models that are loaded at the start, and that no order has taken out of service."""
        return [r for r in self.by_name.values() if r.loaded_at_start and r.state is not WorkerState.UNLOADED]

    def start(self) -> None:
        """Start the workers of the replicas that there are."""
        for replica in self.replicas:
            self._keep(replica)

    def load(self, order: LoadWorker) -> None:
        """Start a worker in its place, which is made if it is new."""
        model = ModelSettings.model_validate(json.loads(order.model))
        replica = self.by_name.get(order.worker_name)
        if replica is None:
            limits = self._limits or WorkerLimits.of(model.kinds)
            replica = Replica(order.worker_name, model.name, self._placer, limits, self._on_change, loaded=False)
            self.by_name[replica.name] = replica
            self._keep(replica)
        replica.load(order.model, order.memory)

    def heard(self, heartbeat: Heartbeat) -> None:
        """Pass a heartbeat to its replica."""
        replica = self.by_name.get(heartbeat.worker_name)
        if replica is not None:
            replica.heard(heartbeat)

    def kill(self) -> None:
        """End all workers for good, now."""
        for replica in self.replicas:
            replica.kill()

    async def stop(self) -> bool:
        """End all workers for good, ready ones once their jobs are finished. Returns False if one had to be killed."""
        return all(await asyncio.gather(*(replica.stop() for replica in self.replicas)))

    async def join(self) -> None:
        """Wait until every replica has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, replica: Replica) -> None:
        task = asyncio.create_task(replica.run())
        self._tasks.append(task)
        task.add_done_callback(self._on_done)
