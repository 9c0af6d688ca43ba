"""What is known of the models' needs: found out in a thread, and again whenever their workers teach something new."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from router.jobs.residency.needs import ModelNeeds, NeedsSource
from router.jobs.residency.plan import Memory
from router.jobs.workers.table import WorkerTable
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerStatus

GROWTH_RATIO = 1.05
"""Beyond this growth, what a worker takes is noted again."""

log = logging.getLogger("nexa.router.residency")


class KnownNeeds:
    """The needs of the served models, as far as they are known. ``unfit`` of the table has those that fit nowhere."""

    def __init__(self, source: NeedsSource, workers: WorkerTable) -> None:
        self._source = source
        self._workers = workers
        self._known: dict[str, tuple[ModelSettings, ModelNeeds]] = {}
        self._learnt: dict[str, tuple[str, int]] = {}
        self._asking: asyncio.Task[None] | None = None

    def ask(self, models: Sequence[ModelSettings]) -> None:
        """Begin to find out what is not known of these models."""
        new = [model for model in models if self.of(model) is None]
        if new and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(new))

    def of(self, model: ModelSettings) -> ModelNeeds | None:
        """What a worker of a model with these settings needs; None while that is not known."""
        settings, needs = self._known.get(model.name, (None, None))
        return needs if settings is model or settings == model else None

    def last_of(self, model: str) -> ModelNeeds | None:
        """What was last known of a model, perhaps with other settings."""
        known = self._known.get(model)
        return None if known is None else known[1]

    def learn(self, model: ModelSettings, status: WorkerStatus, held: Memory, load_s: float) -> None:
        """Note how long a worker took to load, once, and what it takes beyond what was planned, whenever that grows."""
        learnt_id, learnt_bytes = self._learnt.get(status.worker_name, ("", 0))
        held_bytes = sum(held.values())
        if learnt_id == status.worker_id and held_bytes <= learnt_bytes * GROWTH_RATIO:
            return
        self._learnt[status.worker_name] = status.worker_id, held_bytes
        self._source.learn(model, status.memory, held, load_s)
        self._known.pop(model.name, None)

    def too_little(self, model: ModelSettings) -> None:
        """Note that a worker found less memory than it needed."""
        self._source.too_little(model)
        self._known.pop(model.name, None)

    def forget(self, model: str) -> None:
        """Find out anew what a model needs."""
        self._known.pop(model, None)

    def keep_only(self, models: set[str]) -> None:
        """Forget all other models."""
        for model in self._known.keys() - models:
            del self._known[model]

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self, models: Sequence[ModelSettings]) -> None:
        budgets = {budget.device: budget.budget_bytes for budget in self._workers.budgets}
        for model in models:
            needs = await self._needs(model, budgets)
            self._known[model.name] = model, needs
            if model.load == "demand" and not needs.choices:
                log.warning("model does not fit", extra={"model": model.name, "reason": needs.refusal})
                self._workers.unfit[model.name] = needs.refusal
            else:
                self._workers.unfit.pop(model.name, None)

    async def _needs(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        try:
            return await asyncio.to_thread(self._source.of, model, budgets)
        except Exception as error:  # of one model's files; the others must not suffer
            log.exception("needs of a model not known", extra={"model": model.name})
            return ModelNeeds((), 0.0, f"its needs cannot be estimated: {type(error).__name__}: {error}")
