"""Carries out the policy: gathers what it sees, and sends the orders that follow from it."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count

from router.jobs.dispatch import Dispatcher
from router.jobs.failover import Failover
from router.jobs.residency.needs import ModelNeeds, NeedsSource
from router.jobs.residency.places import PlaceBook
from router.jobs.residency.plan import (
    Action,
    Close,
    Device,
    LoadModel,
    ModelView,
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
from router.jobs.residency.wishes import Wishes
from router.jobs.workers.link import RouterLink
from router.jobs.workers.rows import measured
from router.jobs.workers.table import WorkerTable
from router.jobs.workers.worker import Worker
from shared.settings import ModelSettings, ServerSettings
from shared.wire.supervision import LoadWorker, UnloadWorker, WorkerState

GROWTH_RATIO = 1.05
"""Beyond this growth, what a worker takes is noted again."""

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
        self._needs = needs
        self._known: dict[str, tuple[ModelSettings, ModelNeeds]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._places = PlaceBook()
        self._retries = Retries()
        self._wishes = Wishes()
        self._last_use_s: dict[str, float] = {}
        self._last_ready_s: dict[str, float] = {}
        self._learnt: dict[str, tuple[str, int]] = {}

    @property
    def models(self) -> Sequence[ModelSettings]:
        """The served models."""
        return self._settings().models

    def tick(self) -> None:
        """Look at everything, and order what the policy decides."""
        if not self._workers.budgets:
            return
        self._ask_for_needs()
        self._watch_failures()
        places = self._places.view(self._workers.roster(), self._by_name())
        self._learn(places)
        if any(model.load == "demand" for model in self.models):
            self._wishes.settle(places, lambda model: model in self._workers.unfit or self._retries.wait_s(model) > 0)
            for action in decide(self._seen(places)):
                self._carry_out(action, places)
        self._end_gone(places)

    def load(self, model: str) -> None:
        """Load a model now, although nobody waits for it; a load that has failed is tried again."""
        places = self._places.view(self._workers.roster(), self._by_name())
        if model not in {place.model for place in places if place.stage is not Stage.LEAVING}:
            self._retries.forget(model)
            self._wishes.load(model)

    def keep(self, model: str, idle_s: float) -> None:
        """Unload a model once it has been idle for this long; if negative, never. It holds until that, or the next."""
        self._wishes.keep(model, idle_s)

    def leaves_in_s(self, model: ModelSettings) -> float | None:
        """The time until a model is unloaded if nobody uses it; None if it stays."""
        limit_s = self._wishes.idle_unload_s(model)
        if model.load == "start" or model.pin or not limit_s:
            return None
        last_s = self._last_use_s.get(model.name, time.monotonic())
        return max(0.0, last_s + limit_s - time.monotonic())

    def unload(self, model: str) -> list[str]:
        """Unload all workers of a model now, by an operator's order; returns their names."""
        self._wishes.forget(model)
        places = self._places.view(self._workers.roster(), self._by_name())
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

    def needs_of(self, model: str) -> ModelNeeds | None:
        """What a worker of this model needs, once that is known."""
        known = self._known.get(model)
        return None if known is None else known[1]

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _by_name(self) -> dict[str, Worker]:
        return {worker.heartbeat.worker_name: worker for worker in self._workers.all()}

    def _ask_for_needs(self) -> None:
        """Find out, in a thread, what new models need."""
        new = [model for model in self.models if self._known.get(model.name, (None,))[0] != model]
        if new and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(new))

    async def _ask(self, models: Sequence[ModelSettings]) -> None:
        budgets = {budget.device: budget.budget_bytes for budget in self._workers.budgets}
        for model in models:
            try:
                needs = await asyncio.to_thread(self._needs.of, model, budgets)
            except Exception as error:  # of one model's files; the others must not suffer
                log.exception("needs of a model not known", extra={"model": model.name})
                needs = ModelNeeds((), 0.0, f"its needs cannot be estimated: {type(error).__name__}: {error}")
            self._known[model.name] = model, needs
            if model.load == "demand" and not needs.choices:
                log.warning("model does not fit", extra={"model": model.name, "reason": needs.refusal})
                self._workers.unfit[model.name] = needs.refusal
            else:
                self._workers.unfit.pop(model.name, None)

    def _watch_failures(self) -> None:
        """Empty the places of models on demand that failed to load, once another attempt may be made."""
        on_demand = {model.name: model for model in self.models if model.load == "demand"}
        for status in self._workers.roster():
            model = on_demand.get(status.model)
            if model is None:
                continue
            if self._retries.note(status):
                self._needs.too_little(model)
                self._known.pop(model.name, None)
            if status.state is WorkerState.FAILED and not self._retries.wait_s(status.model):
                self._link.send_order(UnloadWorker(status.worker_name, 0.0, "another attempt may be made"))

    def _learn(self, places: Sequence[PlaceView]) -> None:
        """Note how long workers took to load, once, and what they take beyond what was planned, whenever it grows."""
        models, workers = {model.name: model for model in self.models}, self._by_name()
        planned = {status.worker_name: status for status in self._workers.roster() if status.memory}
        for place in places:
            status, load_s = planned.get(place.name), self._places.load_s(place.name)
            known = place.model in models and place.name in workers
            if status is None or load_s is None or not known or place.stage is not Stage.READY:
                continue
            learnt_id, learnt_bytes = self._learnt.get(place.name, ("", 0))
            held = measured(status, workers[place.name])
            held_bytes = sum(held.values())
            if learnt_id == status.worker_id and held_bytes <= learnt_bytes * GROWTH_RATIO:
                continue
            self._learnt[place.name] = status.worker_id, held_bytes
            self._needs.learn(models[place.model], status.memory, held, load_s)
            self._known.pop(place.model, None)

    def _seen(self, places: Sequence[PlaceView]) -> Residency:
        settings = self._settings()
        return Residency(
            tuple(Device(budget.device, budget.budget_bytes) for budget in self._workers.budgets),
            tuple(self._model(model, places) for model in settings.models),
            tuple(places),
            ResidencyRules(
                settings.swap_patience_s,
                extra_worker_wait_s=settings.extra_worker_wait_s,
                extra_worker_idle_s=settings.extra_worker_idle_s,
            ),
        )

    def _model(self, model: ModelSettings, places: Sequence[PlaceView]) -> ModelView:
        now_s = time.monotonic()
        lines = self._dispatcher.lines.of_model(model.name)
        waiting = [job for line in lines for job in line.queue]
        own = [place for place in places if place.model == model.name]
        if any(place.stage is Stage.READY for place in own):
            self._last_ready_s[model.name] = now_s
        used_s = now_s if waiting else max((now_s - place.idle_s for place in own), default=0.0)
        self._last_use_s[model.name] = max(used_s, self._last_use_s.get(model.name, 0.0))
        needs = self.needs_of(model.name)
        at_start = model.load == "start"
        ordered_s = self._wishes.waiting_s(model.name)
        waits_s = [now_s - job.queued_at_s for job in waiting] + ([] if ordered_s is None else [ordered_s])
        return ModelView(
            model.name,
            () if needs is None else tuple(memory for memory, _ in needs.choices),
            load_s=1.0 if needs is None else needs.load_s,
            pinned=model.pin or at_start,
            floor=model.workers if at_start else 0,
            ceiling=max(model.workers, model.max_workers or sum(one.device != "cpu" for one in self._workers.budgets)),
            slots=model.slots,
            idle_unload_s=0.0 if at_start else self._wishes.idle_unload_s(model),
            waiting=len(waits_s),
            oldest_wait_s=max(waits_s, default=0.0),
            claim=min((lines[-1].tally.consumed(job.request.user) for job in waiting), default=0.0),
            idle_s=now_s - self._last_use_s[model.name],
            away_s=now_s - self._last_ready_s.get(model.name, -math.inf),
            retry_in_s=self._retries.wait_s(model.name),
        )

    def _carry_out(self, action: Action, places: Sequence[PlaceView]) -> None:
        match action:
            case LoadModel():
                self._load(action, places)
            case Close(place=name, for_model=other):
                log.info("no new jobs for a place", extra={"worker": name, "for": other})
                self._places.closed_for[name] = other
                self._set_closed(name, True)
            case Reopen(place=name):
                self._places.closed_for.pop(name, None)
                self._set_closed(name, False)
            case Unload(place=name, reason=reason, cause=cause):
                self._unload(next(place for place in places if place.name == name), reason, cause)

    def _load(self, load: LoadModel, places: Sequence[PlaceView]) -> None:
        _, needs = self._known[load.model]
        settings = next(settings for memory, settings in needs.choices if memory == load.memory)
        taken = {place.name for place in places}
        name = next(name for name in (f"{load.model}/{n}" for n in count()) if name not in taken)
        self._places.order_load(name, load.model, load.memory)
        self.record.load(load.model)
        model = json.dumps(settings.model_dump()).encode()
        self._link.send_order(LoadWorker(name, model, dict(load.memory)))

    def _unload(self, place: PlaceView, reason: str, cause: UnloadCause) -> None:
        self._places.order_unload(place.name)
        self._wishes.forget(place.model)
        self.record.unload(place.model, cause)
        self._set_closed(place.name, True)
        worker = self._by_name().get(place.name)
        if worker is not None:
            worker.dismissed = True
            if worker.jobs:
                self._failover.evacuate(worker)
        self._link.send_order(UnloadWorker(place.name, 0.0, reason))

    def _end_gone(self, places: Sequence[PlaceView]) -> None:
        """Unload the workers of models that are not served any more, once they have ended their jobs."""
        served = {model.name for model in self.models}
        for place in places:
            if place.model not in served and not place.running and place.stage is Stage.READY:
                self._unload(place, "its model is gone", UnloadCause.GONE)
        known = served | {place.model for place in places}
        self.record.keep_only(known)
        self._retries.keep_only(known)
        for figures in (self._known, self._last_use_s, self._last_ready_s):
            for model in set(figures) - known:
                del figures[model]

    def _set_closed(self, name: str, closed: bool) -> None:
        worker = self._by_name().get(name)
        if worker is not None:
            worker.closed = closed
            if not closed:
                self._dispatcher.dispatch(worker.heartbeat.model)
