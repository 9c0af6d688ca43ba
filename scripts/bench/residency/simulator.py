"""A trace served in simulated time by a policy of residency: users, queues, workers, memory that is freed late."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from router.jobs.residency.plan import Action, Close, LoadModel, ModelView, PlaceView, Reopen, Residency, Stage, Unload
from scripts.bench.residency.trace import Question, SimulatedUser, Trace, TraceModel

Policy = Callable[[Residency], list[Action]]

TICK_S = 0.5
"""The policy is asked at every event, and after this time while anything waits or is closed."""

CALM_TICK_S = 10.0
LONGEST_S = 1e6


class Stuck(Exception):
    """The users' requests do not come to an end."""


@dataclass(eq=False, slots=True)
class Asked:
    """A request on its way."""

    user: SimulatedUser
    question: Question
    arrived_s: float
    left_s: float
    queued_s: float
    started_s: float = 0.0
    waited_s: float = 0.0
    run: int = 0  # which of its runs this is: an end that was planned for an earlier one is void


@dataclass(eq=False, slots=True)
class SimulatedWorker:
    """A place of a simulation."""

    name: str
    model: TraceModel
    memory: dict[str, int]
    stage: Stage
    since_s: float
    last_job_s: float
    closed_for: str = ""
    fixed: bool = False
    running: list[Asked] = field(default_factory=list)


@dataclass(slots=True)
class Served:
    """What came of a simulation. Times are in simulated seconds."""

    total_s: float = 0.0
    loads: int = 0
    closings: int = 0
    handed_back: int = 0
    waits_s: list[float] = field(default_factory=list)
    first_worker_waits_s: list[float] = field(default_factory=list)

    @property
    def mean_wait_s(self) -> float:
        return sum(self.waits_s) / max(1, len(self.waits_s))


class Simulation:
    """One run of a trace with a policy."""

    def __init__(self, trace: Trace, policy: Policy) -> None:
        self.trace = trace
        self.now_s = 0.0
        self.served = Served()
        self.workers: dict[str, SimulatedWorker] = {}
        self.waiting: dict[str, list[Asked]] = {model.name: [] for model in trace.models}
        self._policy = policy
        self._models = {model.name: model for model in trace.models}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._claims = dict.fromkeys((user.name for user in trace.users), 0.0)
        self._questions = {user.name: iter(user.questions) for user in trace.users}
        self._left = sum(len(user.questions) for user in trace.users)
        self._retry_at_s = dict.fromkeys(self._models, 0.0)
        self._last_job_s = dict.fromkeys(self._models, 0.0)
        self._last_here_s: dict[str, float] = {}
        self._wanted_since_s: dict[str, float] = {}
        self._random = random.Random(trace.faults.seed)

    def run(self) -> Served:
        """Serve all requests.

        Raises:
            Stuck: they do not end.
        """
        for model in self.trace.models:
            for _ in range(model.floor):
                self._start(model, dict(model.choices[0]), fixed=True)
        for user in self.trace.users:
            for _ in range(user.lanes):
                self._ask_next(user, user.first_at_s)
        for at_s in self.trace.faults.deaths_at_s:
            self._at(at_s, self._kill_one)
        while self._left:
            self._step()
        self.served.total_s = self.now_s
        return self.served

    def view(self) -> Residency:
        """What the policy sees now."""
        return Residency(
            self.trace.devices,
            tuple(self._view_model(model) for model in self.trace.models),
            tuple(self._view_place(worker) for worker in self.workers.values()),
            self.trace.rules,
        )

    def _step(self) -> None:
        hurried = any(self.waiting.values()) or any(one.stage is Stage.CLOSED for one in self.workers.values())
        tick_s = self.now_s + (TICK_S if hurried else CALM_TICK_S)
        self.now_s = min(tick_s, self._events[0][0]) if self._events else tick_s
        if self.now_s > LONGEST_S:
            raise Stuck(f"{self.trace.name}: {self._left} requests have no answer after {self.now_s:.0f} s")
        while self._events and self._events[0][0] <= self.now_s:
            heapq.heappop(self._events)[2]()
        self._dispatch()
        for action in self._policy(self.view()):
            self._carry_out(action)
        self._dispatch()
        self._note_wanted()

    def _at(self, at_s: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), event))

    # users

    def _ask_next(self, user: SimulatedUser, after_s: float) -> None:
        question = next(self._questions[user.name], None)
        if question is not None:
            at_s = after_s + question.think_s
            asked = Asked(user, question, at_s, question.work_s, at_s)
            self._at(at_s, lambda: self.waiting[question.model].append(asked))

    def _dispatch(self) -> None:
        for worker in self.workers.values():
            queue = self.waiting[worker.model.name]
            while worker.stage is Stage.READY and queue and len(worker.running) < worker.model.slots:
                self._begin(worker, queue.pop(0))

    def _begin(self, worker: SimulatedWorker, asked: Asked) -> None:
        asked.started_s = self.now_s
        asked.waited_s += self.now_s - asked.queued_s
        asked.run += 1
        worker.running.append(asked)
        run = asked.run
        self._at(self.now_s + asked.left_s, lambda: self._end(worker, asked, run))

    def _end(self, worker: SimulatedWorker, asked: Asked, run: int) -> None:
        if run != asked.run or asked not in worker.running:
            return
        worker.running.remove(asked)
        self._charge(worker, asked)
        self.served.waits_s.append(asked.waited_s)
        self._left -= 1
        self._ask_next(asked.user, self.now_s)

    def _charge(self, worker: SimulatedWorker, asked: Asked) -> None:
        worker.last_job_s = self._last_job_s[worker.model.name] = self.now_s
        self._claims[asked.user.name] += self.now_s - asked.started_s

    def _hand_back(self, worker: SimulatedWorker) -> None:
        for asked in worker.running:
            self._charge(worker, asked)
            asked.left_s -= self.now_s - asked.started_s
            asked.queued_s = self.now_s
        self.waiting[worker.model.name][:0] = worker.running
        worker.running = []

    # workers

    def _start(self, model: TraceModel, memory: dict[str, int], fixed: bool = False) -> None:
        name = f"{model.name}-{next(self._numbers)}"
        worker = SimulatedWorker(name, model, memory, Stage.LOADING, self.now_s, self.now_s, fixed=fixed)
        self.workers[worker.name] = worker
        self.served.loads += 1
        fails = self._random.random() < self.trace.faults.failing_loads
        self._at(self.now_s + model.load_s, lambda: self._fail(worker) if fails else self._enter(worker, Stage.READY))

    def _enter(self, worker: SimulatedWorker, stage: Stage) -> None:
        if worker.name in self.workers and worker.stage is not Stage.LEAVING:
            worker.stage, worker.since_s = stage, self.now_s

    def _fail(self, worker: SimulatedWorker) -> None:
        self._retry_at_s[worker.model.name] = self.now_s + self.trace.faults.retry_s
        self._vanish(worker)

    def _kill_one(self) -> None:
        loaded = [worker for worker in self.workers.values() if worker.stage in (Stage.READY, Stage.CLOSED)]
        if loaded:
            worker = min(loaded, key=lambda one: (one.since_s, one.name))
            self._hand_back(worker)
            self._vanish(worker)

    def _vanish(self, worker: SimulatedWorker) -> None:
        del self.workers[worker.name]
        if worker.fixed:
            self._start(worker.model, worker.memory, fixed=True)

    def _carry_out(self, action: Action) -> None:
        match action:
            case LoadModel(name, memory):
                self._start(self._models[name], dict(memory))
            case Close(name, for_model):
                self._enter(self.workers[name], Stage.CLOSED)
                self.workers[name].closed_for = for_model
                self.served.closings += 1
            case Reopen(name):
                self._enter(self.workers[name], Stage.READY)
                self.workers[name].closed_for = ""
            case Unload(name):
                worker = self.workers[name]
                self.served.handed_back += len(worker.running)
                self._hand_back(worker)
                worker.stage, worker.since_s = Stage.LEAVING, self.now_s
                self._at(self.now_s + worker.model.unload_s, lambda: self._vanish(worker))

    # what is seen

    def _note_wanted(self) -> None:
        """For how long each model was waited for without any worker."""
        here = {one.model.name for one in self.workers.values() if one.stage is Stage.READY}
        closed = {one.model.name for one in self.workers.values() if one.stage is Stage.CLOSED}
        self._last_here_s.update(dict.fromkeys(here | closed, self.now_s))
        for name, queue in self.waiting.items():
            if queue and name not in here:
                self._wanted_since_s.setdefault(name, self.now_s)
            elif name in self._wanted_since_s:
                self.served.first_worker_waits_s.append(self.now_s - self._wanted_since_s.pop(name))

    def _view_model(self, model: TraceModel) -> ModelView:
        queue = self.waiting[model.name]
        running = any(one.running for one in self.workers.values() if one.model is model)
        return ModelView(
            model.name,
            model.choices,
            model.load_s,
            model.pinned,
            model.floor,
            model.ceiling,
            model.slots,
            model.idle_unload_s,
            waiting=len(queue),
            oldest_wait_s=max((self.now_s - asked.queued_s for asked in queue), default=0.0),
            claim=min((self._claims[asked.user.name] for asked in queue), default=0.0),
            away_s=self._away_s(model),
            idle_s=0.0 if queue or running else self.now_s - self._last_job_s[model.name],
            retry_in_s=max(0.0, self._retry_at_s[model.name] - self.now_s),
        )

    def _away_s(self, model: TraceModel) -> float:
        loaded = (Stage.READY, Stage.CLOSED)
        here = any(one.model is model and one.stage in loaded for one in self.workers.values())
        return 0.0 if here else self.now_s - self._last_here_s.get(model.name, -math.inf)

    def _view_place(self, worker: SimulatedWorker) -> PlaceView:
        return PlaceView(
            worker.name,
            worker.model.name,
            worker.memory,
            worker.stage,
            stage_s=self.now_s - worker.since_s,
            running=len(worker.running),
            idle_s=0.0 if worker.running else self.now_s - worker.last_job_s,
            closed_for=worker.closed_for,
            fixed=worker.fixed,
        )
