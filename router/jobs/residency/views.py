"""The served models as the policy sees them: who waits for each, what it needs, and when it was last used."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from router.jobs.job import Job
from router.jobs.lines import Lines
from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory, ModelView, PlaceView, Stage
from router.jobs.residency.retries import Retries
from router.jobs.residency.room import computing_devices
from router.jobs.residency.wishes import Wishes
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState

SOON_S = 0.1
"""A place that has failed is emptied first, and is used again."""


class ModelViews:
    """Makes the views, and remembers when each model was last used and last ready."""

    def __init__(
        self, lines: Lines, wishes: Wishes, retries: Retries, needs_of: Callable[[ModelSettings], ModelNeeds | None]
    ) -> None:
        self._lines = lines
        self._wishes = wishes
        self._retries = retries
        self._needs_of = needs_of
        self._last_use_s: dict[str, float] = {}
        self._last_ready_s: dict[str, float] = {}

    def all(
        self,
        models: Iterable[ModelSettings],
        places: Sequence[PlaceView],
        gpus: int,
        out: Mapping[WorkerState, Sequence[str]],
    ) -> tuple[ModelView, ...]:
        """The views of the models, given the number of GPUs, and the models of places that are out of service.

        Those on demand that nobody wants and that have no place are left out: nothing is to be decided of them.
        """
        own: dict[str, list[PlaceView]] = {}
        for place in places:
            own.setdefault(place.model, []).append(place)
        now_s = time.monotonic()  # one for all: who has waited longer must not depend on who is looked at later
        return tuple(
            self._view(model, own.get(model.name, []), gpus, out, now_s)
            for model in models
            if model.load == "start" or model.name in own or self._is_wanted(model.name)
        )

    def _is_wanted(self, model: str) -> bool:
        has_jobs = any(len(line.queue) for line in self._lines.of_model(model))
        return has_jobs or self._wishes.waiting_s(model) is not None

    def last_use_s(self, model: str) -> float | None:
        """When a model last had a job, on the monotonic clock; None if it is not known."""
        return self._last_use_s.get(model)

    def keep_only(self, models: set[str]) -> None:
        """Forget all other models."""
        for known in (self._last_use_s, self._last_ready_s):
            for model in known.keys() - models:
                del known[model]

    def _view(
        self,
        model: ModelSettings,
        own: Sequence[PlaceView],
        gpus: int,
        out: Mapping[WorkerState, Sequence[str]],
        now_s: float,
    ) -> ModelView:
        waiting, claim = self._waiting(model.name)
        if any(place.stage in (Stage.READY, Stage.CLOSED) for place in own):
            self._last_ready_s[model.name] = now_s
        used_s = now_s if waiting else max((now_s - place.idle_s for place in own), default=0.0)
        self._last_use_s[model.name] = max(used_s, self._last_use_s.get(model.name, 0.0))
        needs = self._needs_of(model)
        at_start = model.load == "start"
        ordered_s = self._wishes.waiting_s(model.name)
        waits_s = [now_s - job.queued_at_s for job in waiting] + ([] if ordered_s is None else [ordered_s])
        return ModelView(
            model.name,
            () if needs is None else _choices(needs, own),
            load_s=1.0 if needs is None else needs.load_s,
            pinned=model.pin or at_start,
            floor=model.workers if at_start else 0,
            ceiling=max(1, max(model.workers, model.max_workers or gpus) - out[WorkerState.DRAINED].count(model.name)),
            slots=model.slots,
            idle_unload_s=0.0 if at_start else self._wishes.idle_unload_s(model),
            waiting=len(waits_s),
            oldest_wait_s=max(waits_s, default=0.0),
            claim=claim,
            idle_s=now_s - self._last_use_s[model.name],
            away_s=now_s - self._last_ready_s.get(model.name, -math.inf),
            retry_in_s=self._retries.wait_s(model.name) or (SOON_S if model.name in out[WorkerState.FAILED] else 0.0),
        )

    def _waiting(self, model: str) -> tuple[list[Job], float]:
        """The jobs that another worker could take, and the lowest claim of their users.

        Those of users who run as many as they may wait for these, whatever is loaded.
        """
        found: list[Job] = []
        claims: dict[str, float] = {}
        for line in self._lines.of_model(model):
            for job in line.queue:
                request = job.request
                if line.tally.may_run(request.user, request.limits):
                    found.append(job)
                    if request.user not in claims:
                        claims[request.user] = self._lines.of_model(model)[-1].tally.consumed(request.user)
        return found, min(claims.values(), default=0.0)


def _choices(needs: ModelNeeds, own: Sequence[PlaceView]) -> tuple[Memory, ...]:
    """Where a worker may go; of a model that has one, only where it gets as long a context: jobs may go to either."""
    here = [computing_devices(place.memory) for place in own]
    least = max(
        (model.context_tokens for memory, model in needs.choices if computing_devices(memory) in here), default=0
    )
    return tuple(memory for memory, model in needs.choices if not here or model.context_tokens >= least)
