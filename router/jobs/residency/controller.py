"""Carries out the policy: gathers what it sees, and sends the orders that follow from it."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from router.jobs.dispatch import Dispatcher
from router.jobs.failover import Failover
from router.jobs.residency.asking import KnownNeeds
from router.jobs.residency.needs import ModelNeeds, NeedsSource
from router.jobs.residency.places import PlaceBook
from router.jobs.residency.plan import (
    Action,
    Close,
    Device,
    LoadModel,
    Memory,
    PlaceView,
    Reopen,
    Residency,
    ResidencyRules,
    Stage,
    Unload,
    UnloadCause,
)
from router.jobs.residency.policy import decide
from router.jobs.residency.record import ResidencyRecord
from router.jobs.residency.retries import Retries
from router.jobs.residency.victims import victim_of_shortage
from router.jobs.residency.views import ModelViews
from router.jobs.residency.wishes import Wishes
from router.jobs.workers.link import RouterLink
from router.jobs.workers.rows import measured
from router.jobs.workers.table import WorkerTable
from router.jobs.workers.worker import Worker
from shared.settings import ModelSettings, ServerSettings
from shared.settings.model import OF_NO_WORKER
from shared.wire.supervision import LoadWorker, UnloadWorker, WorkerState

NOT_SERVED = "it is not served any more"

_OUT = (WorkerState.FAILED, WorkerState.DRAINED)

log = logging.getLogger("nexa.router.residency")


class ResidencyController:
    """Decides which models are loaded. ``record`` has the loads and unloads that it has ordered."""

    def __init__(
        self,
        settings: Callable[[], ServerSettings],
        workers: WorkerTable,
        dispatcher: Dispatcher,
        failover: Failover,
        link: RouterLink,
        needs: NeedsSource,
    ) -> None:
        self.record = ResidencyRecord()
        self._settings = settings
        self._workers = workers
        self._dispatcher = dispatcher
        self._failover = failover
        self._link = link
        self.known_needs = KnownNeeds(needs, workers)
        self._places = PlaceBook()
        self._retries = Retries()
        self._wishes = Wishes()
        self._views = ModelViews(dispatcher.lines, self._wishes, self._retries, self.known_needs.of)
        self._loaded_as: dict[str, ModelSettings] = {}

    @property
    def models(self) -> Sequence[ModelSettings]:
        """The served models."""
        return self._settings().models

    def tick(self) -> None:
        """Look at everything, and order what the policy decides."""
        if not self._workers.budgets:
            return
        served = {model.name: model for model in self.models}
        self.known_needs.ask(tuple(served.values()), self._staying(served))
        self._watch_failures(served)
        places = self._seen_places()
        self._learn(places, served)
        if self._has_choices(served):
            self._retire(places, served)
            self._wishes.settle(places, lambda model: model in self._workers.unfit or self._retries.wait_s(model) > 0)
            for action in decide(self._seen(places)):
                self._carry_out(action, places)
        self._end_gone(places, served)
        self._repeat_orders()
        self._close_workers()

    def _has_choices(self, served: Mapping[str, ModelSettings]) -> bool:
        """Whether there is anything to decide: models come and go, or could have workers on several GPUs."""
        if len(self._workers.budgets) > 2 or any(model.load == "demand" for model in served.values()):
            return True
        fixed = self._fixed()
        return any(status.worker_name not in fixed for status in self._workers.roster())

    def load(self, model: str) -> None:
        """Load a model now, although nobody waits for it; a load that has failed is tried again."""
        places = self._seen_places()
        if model not in {place.model for place in places if place.stage is not Stage.LEAVING}:
            self._retries.forget(model)
            self._wishes.load(model)

    def comes(self, model: str) -> bool:
        """Whether a model is loaded, or loads, or will by an order."""
        places = self._places.view(self._workers.roster(), self._by_name())
        is_here = any(place.model == model and place.stage is not Stage.LEAVING for place in places)
        return is_here or self._wishes.waiting_s(model) is not None

    def keep(self, model: str, idle_s: float) -> None:
        """Unload a model once it has been idle for this long; if negative, never. It holds until that, or the next."""
        self._wishes.keep(model, idle_s)

    def leaves_in_s(self, model: ModelSettings) -> float | None:
        """The time until a model is unloaded if nobody uses it; None if it stays."""
        limit_s = self._wishes.idle_unload_s(model)
        if model.load == "start" or model.pin or not limit_s:
            return None
        now_s = time.monotonic()
        last_s = self._views.last_use_s(model.name)
        return max(0.0, (now_s if last_s is None else last_s) + limit_s - now_s)

    def unload(self, model: str) -> list[str]:
        """Unload all workers of a model now, by an operator's order; returns their names."""
        self._wishes.forget(model)
        places = self._seen_places()
        found = [place for place in places if place.model == model and place.stage is not Stage.LEAVING]
        for place in found:
            self._unload(place, "an operator unloaded it", UnloadCause.ORDER)
        return [place.name for place in found]

    def retry_in_s(self, model: str) -> float | None:
        """The time until a load may be tried again that has failed; None if there is no need to wait."""
        return self._retries.wait_s(model) or None

    def failure(self, model: str) -> str | None:
        """Why the last load of a model has failed; None if it has not."""
        return self._retries.reasons.get(model)

    @property
    def failed_loads(self) -> Counter[str]:
        """How many loads have failed since the start, by model."""
        return self._retries.failed

    def take_back(self, name: str) -> bool:
        """Let a place be loaded again that has failed or was drained, if it is one that the router fills."""
        status = next((one for one in self._workers.roster() if one.worker_name == name), None)
        if status is None or status.state not in _OUT or name in self._fixed():
            return False
        self._retries.forget(status.model)
        self._link.send_order(UnloadWorker(name, 0.0, "it may be loaded again"))
        self.load(status.model)
        return True

    def needs_of(self, model: str) -> ModelNeeds | None:
        """What a worker of this model needs, once that is known."""
        return self.known_needs.last_of(model)

    def estimate_again(self, model: str) -> None:
        """Find out anew what a worker of this model needs: its files have changed."""
        self.known_needs.forget(model)

    async def close(self) -> None:
        """Stop asking."""
        await self.known_needs.close()

    def _by_name(self) -> dict[str, Worker]:
        return {worker.heartbeat.worker_name: worker for worker in self._workers.all()}

    def _fixed(self) -> set[str]:
        """The places that models always have: the supervisor fills them."""
        at_start = [model for model in self.models if model.load == "start"]
        return {f"{model.name}/{number}" for model in at_start for number in range(model.workers)}

    def _seen_places(self) -> list[PlaceView]:
        return self._places.view(self._workers.roster(), self._by_name(), self._fixed())

    def _staying(self, served: Mapping[str, ModelSettings]) -> dict[str, Memory]:
        """The bytes of each device that places hold which never leave, by model."""
        held: dict[str, Counter[str]] = defaultdict(Counter)
        for place in self._seen_places():
            model = served.get(place.model)
            if place.fixed or (model is not None and model.pin):
                held[place.model].update(place.memory)
        return dict(held)

    def _watch_failures(self, served: Mapping[str, ModelSettings]) -> None:
        """Empty the places that failed to load, once another attempt may be made, and those of models that are gone."""
        fixed = self._fixed()
        for status in self._workers.roster():
            if status.worker_name in fixed:
                continue
            model = served.get(status.model)
            if self._retries.note(status) and model is not None:
                self._leave_after_shortage(model, served)
                self.known_needs.too_little(model)
            if status.state is WorkerState.FAILED and not (model and self._retries.wait_s(status.model)):
                self._link.send_order(UnloadWorker(status.worker_name, 0.0, "another attempt may be made"))
            if status.state is WorkerState.DRAINED and model is None:
                self._link.send_order(UnloadWorker(status.worker_name, 0.0, NOT_SERVED))

    def _leave_after_shortage(self, model: ModelSettings, served: Mapping[str, ModelSettings]) -> None:
        """Unload what is idle, before a model is loaded once more that has found too little memory."""
        may_leave = {name for name, each in served.items() if each.load == "demand" and not each.pin} - {model.name}
        victim = victim_of_shortage(self._seen_places(), may_leave, self.needs_of(model.name))
        if victim is not None:
            self._unload(victim, f"makes room for {model.name}, which found too little memory", UnloadCause.ROOM)

    def _learn(self, places: Sequence[PlaceView], served: Mapping[str, ModelSettings]) -> None:
        """Learn from the workers that are ready."""
        workers = self._by_name()
        planned = {status.worker_name: status for status in self._workers.roster() if status.memory}
        for place in places:
            status, load_s = planned.get(place.name), self._places.load_s(place.name)
            known = place.model in served and place.name in workers
            if status is not None and load_s is not None and known and place.stage is Stage.READY:
                self.known_needs.learn(served[place.model], status, measured(status, workers[place.name]), load_s)

    def _retire(self, places: Sequence[PlaceView], served: Mapping[str, ModelSettings]) -> None:
        """Close the places whose model was replaced by another of its name: they finish what runs, and leave."""
        for name in self._loaded_as.keys() - {place.name for place in places}:
            del self._loaded_as[name]
        for place in places:
            model = served.get(place.model)
            if model is None or place.fixed:
                continue
            loaded = self._loaded_as.setdefault(place.name, model)
            if loaded is model or place.stage is not Stage.READY:
                continue
            if _of_worker(loaded) == _of_worker(model):
                self._loaded_as[place.name] = model
            else:
                log.info("a model has changed", extra={"worker": place.name})
                self._places.closed_for[place.name] = ""

    def _seen(self, places: Sequence[PlaceView]) -> Residency:
        settings = self._settings()
        budgets = self._workers.budgets
        fixed = self._fixed()
        out: dict[WorkerState, list[str]] = {state: [] for state in _OUT}
        for status in self._workers.roster():
            if status.state in out and status.worker_name not in fixed:
                out[status.state].append(status.model)
        return Residency(
            tuple(Device(budget.device, budget.budget_bytes) for budget in budgets),
            self._views.all(settings.models, places, len(budgets) - 1, out),
            tuple(places),
            ResidencyRules(
                settings.swap_patience_s,
                extra_worker_wait_s=settings.extra_worker_wait_s,
                extra_worker_idle_s=settings.extra_worker_idle_s,
            ),
        )

    def _carry_out(self, action: Action, places: Sequence[PlaceView]) -> None:
        match action:
            case LoadModel():
                self._load(action, places)
            case Close(place=name, for_model=other):
                log.info("no new jobs for a place", extra={"worker": name, "for": other})
                self._places.closed_for[name] = other
                self._close_workers()
            case Reopen(place=name):
                self._places.closed_for.pop(name, None)
                self._close_workers()
            case Unload(place=name, reason=reason, cause=cause):
                self._unload(next(place for place in places if place.name == name), reason, cause)

    def _load(self, load: LoadModel, places: Sequence[PlaceView]) -> None:
        served = next(model for model in self.models if model.name == load.model)
        needs = self.known_needs.of(served)
        assert needs is not None
        settings = next(settings for memory, settings in needs.choices if memory == load.memory)
        taken = {place.name for place in places} | self._fixed()
        taken |= {one.worker_name for one in self._workers.roster() if one.state is not WorkerState.UNLOADED}
        name = next(name for name in (f"{load.model}/{n}" for n in count()) if name not in taken)
        self._loaded_as[name] = served
        self.record.load(load.model)
        order = LoadWorker(name, json.dumps(settings.model_dump()).encode(), dict(load.memory))
        self._places.order_load(order, load.model)
        self._link.send_order(order)

    def _unload(self, place: PlaceView, reason: str, cause: UnloadCause) -> None:
        order = UnloadWorker(place.name, 0.0, reason)
        self._places.order_unload(order)
        if not any(other.model == place.model and other.stage is not Stage.LEAVING for other in self._seen_places()):
            self._wishes.forget(place.model)
        self.record.unload(place.model, cause)
        self._close_workers()
        self._link.send_order(order)

    def _end_gone(self, places: Sequence[PlaceView], served: Mapping[str, ModelSettings]) -> None:
        """Unload the workers of models that are not served any more, once they have ended their jobs.

        Jobs that wait for one without any worker fail.
        """
        for place in places:
            if place.model not in served and not place.running and place.stage is Stage.READY:
                self._unload(place, "its model is gone", UnloadCause.GONE)
        known = served.keys() | {place.model for place in places}
        self.record.keep_only(known)
        self._retries.keep_only(known)
        self.known_needs.keep_only(known)
        self._views.keep_only(known)
        self._wishes.keep_only(known)
        unfit = self._workers.unfit
        for model in self._dispatcher.lines.models:
            if model not in known:
                unfit[model] = NOT_SERVED
            elif unfit.get(model) == NOT_SERVED:
                del unfit[model]

    def _repeat_orders(self) -> None:
        """Give orders again whose outcome does not show: they may be lost."""
        for order in self._places.unanswered():
            log.warning("order repeated", extra={"worker": order.worker_name, "order": type(order).__name__})
            self._link.send_order(order)

    def _close_workers(self) -> None:
        """Let the workers of closed and leaving places get no jobs, also those that were started there since."""
        leaving = self._places.leaving
        opened = self._workers.close_places({*self._places.closed_for, *leaving})
        for worker in self._workers.all():
            if worker.heartbeat.worker_name in leaving:
                worker.dismissed = True
                if worker.jobs:
                    self._failover.evacuate(worker)
        for worker in opened:
            self._dispatcher.dispatch(worker.heartbeat.model)


def _of_worker(model: ModelSettings) -> dict[str, object]:
    """Of a model's settings, those that make a difference to its workers."""
    return model.model_dump(exclude=set(OF_NO_WORKER))
