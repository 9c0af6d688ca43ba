"""The router's jobs without sockets: a link whose other end is a supervisor, and workers, that the test plays."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from router.jobs.completion import Completion
from router.jobs.dispatch import Dispatcher
from router.jobs.failover import Failover
from router.jobs.job import Job, JobRequest
from router.jobs.limits import UNLIMITED, UserLimits
from router.jobs.residency.controller import ResidencyController
from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory
from router.jobs.workers.link import RouterLink
from router.jobs.workers.table import WorkerTable
from router.jobs.workers.worker import Worker
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import TextJob
from shared.wire.messages import EngineStats, Heartbeat
from shared.wire.supervision import (
    DeviceBudget,
    LoadWorker,
    Order,
    RestartWorkers,
    Roster,
    UnloadWorker,
    WorkerState,
    WorkerStatus,
)

SIZE = 6


class PlayedNeeds:
    """Every model takes ``SIZE`` of one device, any of those that there are."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.rooms: dict[str, dict[str, int]] = {}
        self.learnt: list[str] = []
        self.starved: list[str] = []
        self.refusals: dict[str, str] = {}

    def of(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        self.asked[model.name] += 1
        self.rooms[model.name] = dict(budgets)
        if model.name in self.refusals:
            return ModelNeeds((), 0.0, self.refusals[model.name])
        size = self.sizes.get(model.name, SIZE)
        gpus = [name for name in budgets if name != "cpu"] or ["cpu"]
        return ModelNeeds(tuple(({device: size}, model) for device in gpus), 1.0)

    def learn(self, model: ModelSettings, planned: Memory, measured: Memory, load_s: float) -> None:
        self.learnt.append(model.name)

    def too_little(self, model: ModelSettings) -> None:
        self.starved.append(model.name)


@dataclass
class PlayedLink:
    """Keeps the orders; ``loses`` says which of them do not arrive."""

    orders: list[Order] = field(default_factory=list)
    arrived: list[Order] = field(default_factory=list)
    loses: Callable[[Order], bool] = lambda order: False
    cancelled: int = 0

    def send(self, worker_id: str, message: Any, more: Sequence[bytes] = ()) -> bool:
        self.cancelled += type(message).__name__ == "Cancel"
        return True

    def send_order(self, order: Order) -> None:
        self.orders.append(order)
        if not self.loses(order):
            self.arrived.append(order)


class PlayedSupervisor:
    """A router's controller and dispatcher, and the places of a supervisor that carries out what has arrived."""

    def __init__(self, models: Sequence[ModelSettings], budgets: Mapping[str, int], **options: Any) -> None:
        self.settings = ServerSettings(models=tuple(models), run_folder="/nowhere", **options)
        self.budgets = [DeviceBudget(name, size, size) for name, size in budgets.items()]
        self.needs = PlayedNeeds()
        self.places: dict[str, WorkerStatus] = {}
        self.runs: Counter[str] = Counter()
        self.new_router()
        for model in models:
            if model.load == "start":
                for number in range(model.workers):
                    memory = {list(budgets)[-1 - number]: SIZE}
                    self._put(f"{model.name}/{number}", model.name, WorkerState.READY, memory, new=True)
        self.publish()

    def new_router(self) -> None:
        """Another run of the router, which knows nothing."""
        self.link = PlayedLink()
        link = cast(RouterLink, self.link)
        self.table = WorkerTable()
        self.dispatcher = Dispatcher(self.settings.models, "router", link, self.table)
        completion = Completion(self.dispatcher, link)
        self.failover = Failover(self.table, self.dispatcher, completion, link)
        self.controller = ResidencyController(
            lambda: self.settings, self.table, self.dispatcher, self.failover, link, self.needs
        )

    def publish(self) -> None:
        """Send the roster, and the heartbeats of the workers that run."""
        for worker in self.table.read_roster(Roster(list(self.places.values()), budgets=self.budgets)):
            self.failover.lose(worker, "it has exited")
        for status in self.places.values():
            if status.state in (WorkerState.READY, WorkerState.LOADING):
                self.beat(status)
        self.failover.fail_hopeless()

    def beat(self, status: WorkerStatus) -> None:
        """A heartbeat of a worker, which the router confirms."""
        beat = Heartbeat(
            status.worker_id, status.worker_name, status.model, 1, "cpu", status.state, 1.0, 2, 1000, 0, 0.0,
            EngineStats(), time.monotonic(),
        )  # fmt: skip
        worker, replaced = self.table.update(beat)
        for other in replaced:
            self.failover.lose(other, "another took its place")
        worker.confirmed = True
        self.dispatcher.dispatch(status.model)

    def obey(self) -> None:
        """Carry out the orders that have arrived, at once and completely."""
        arrived, self.link.arrived = self.link.arrived, []
        for order in arrived:
            match order:
                case LoadWorker(worker_name=name, memory=memory):
                    status = self.places.get(name)
                    if status is None or status.state is WorkerState.UNLOADED:
                        model = json.loads(order.model)["name"]
                        self._put(name, model, WorkerState.READY, memory, new=True)
                case UnloadWorker(worker_name=name):
                    self.become(name, WorkerState.UNLOADED)
                case RestartWorkers(worker_names=names):
                    for name in names:
                        status = self.places[name]
                        self._put(name, status.model, WorkerState.READY, status.memory, new=True)
        self.publish()

    async def turn(self, count: int = 1) -> None:
        """So many looks of the controller, each with what the supervisor makes of its orders."""
        for _ in range(count):
            self.controller.tick()
            deadline_s = time.monotonic() + 20.0
            while any(self.controller.known_needs.of(model) is None for model in self.settings.models):
                assert time.monotonic() < deadline_s, "the needs of the models are not known"
                self.controller.tick()
                await asyncio.sleep(0.001)
            self.obey()

    def become(self, name: str, state: WorkerState, **changes: Any) -> None:
        """Let a place have another state."""
        status = self.places[name]
        memory = {} if state is WorkerState.UNLOADED else status.memory
        self._put(name, status.model, state, memory, **changes)

    def serve(self, *models: ModelSettings) -> None:
        """Serve other models from now on."""
        for model in models:
            self.dispatcher.lines.add(model.name)
        self.settings = self.settings.model_copy(update={"models": models})

    def ask(self, model: str, user: str = "user", limits: UserLimits = UNLIMITED) -> Job:
        """A request."""
        job = Job(
            f"job {len(self.dispatcher.jobs)}", JobRequest("request", user, model, TextJob(prompt=""), limits=limits)
        )
        job.queued_at_s = time.monotonic()
        self.dispatcher.add(job)
        return job

    def worker(self, name: str) -> Worker:
        """The router's view of a running worker."""
        return next(worker for worker in self.table.all() if worker.heartbeat.worker_name == name)

    def states(self) -> dict[str, WorkerState]:
        """The states of all places."""
        return {name: status.state for name, status in self.places.items()}

    def taken(self) -> Counter[str]:
        """What the places take of each device."""
        found = Counter[str]()
        for status in self.places.values():
            if status.state not in (WorkerState.UNLOADED, WorkerState.FAILED, WorkerState.DRAINED):
                found.update(status.memory)
        return found

    def _put(
        self, name: str, model: str, state: WorkerState, memory: Mapping[str, int], new: bool = False, starved: int = 0
    ) -> None:
        self.runs[name] += new
        run_id = f"{name}.{self.runs[name]}"
        self.places[name] = WorkerStatus(name, model, run_id, state, 0, "why", [], dict(memory), 0, starved)


def on_demand(name: str, **options: Any) -> ModelSettings:
    """A model that is loaded on demand."""
    given = {"kinds": (JobKind.TEXT,), "engine": "echo", "path": "", "load": "demand", "slots": 2}
    return ModelSettings(name=name, **given | options)
