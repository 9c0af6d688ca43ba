"""What is known of the models' needs: found out in a thread, and again whenever their workers teach something new."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from router.jobs.residency.needs import ModelNeeds, NeedsSource
from router.jobs.residency.plan import Memory
from router.jobs.workers.table import WorkerTable
from shared.hub.sizes import rounded_bytes
from shared.memory.fitting import holds
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerStatus

GROWTH_RATIO = 1.05
"""Beyond this growth, what a worker takes is noted again."""

CHANGE_RATIO = 0.05
"""If the room for a model changes by more than this part of the budget, it is fitted again."""

log = logging.getLogger("nexa.router.residency")


class _Known(NamedTuple):
    """What a model needs, with the settings and the room for which it was asked."""

    model: ModelSettings
    room: Memory
    needs: ModelNeeds

    def is_of(self, model: ModelSettings) -> bool:
        return self.model is model or self.model == model


class KnownNeeds:
    """The needs of the served models, as far as they are known. ``unfit`` of the table has those that fit nowhere."""

    def __init__(self, source: NeedsSource, workers: WorkerTable) -> None:
        self._source = source
        self._workers = workers
        self._known: dict[str, _Known] = {}
        self._learnt: dict[str, tuple[str, int]] = {}
        self._asking: asyncio.Task[None] | None = None

    def ask(self, models: Sequence[ModelSettings], staying: Mapping[str, Memory]) -> None:
        """Begin to find out what is not known of these models.

        Args:
            models: the served models.
            staying: the bytes of each device that workers hold which never leave, by model. A model on demand has to
                do with the rest.
        """
        if self._asking is not None and not self._asking.done():
            return
        budgets = {budget.device: budget.budget_bytes for budget in self._workers.budgets}
        held = _sum(staying.values())
        new: list[tuple[ModelSettings, Memory]] = []
        for model in models:
            others = Counter() if model.load == "start" else held - Counter(staying.get(model.name, {}))
            room = {name: max(0, size - others[name]) for name, size in budgets.items()}
            if self._is_unknown(model, room, budgets):
                new.append((model, room))
        if new:
            self._asking = asyncio.create_task(self._ask(new, budgets))

    def of(self, model: ModelSettings) -> ModelNeeds | None:
        """What a worker of a model with these settings needs; None while that is not known."""
        known = self._known.get(model.name)
        return None if known is None or not known.is_of(model) else known.needs

    def last_of(self, model: str) -> ModelNeeds | None:
        """What was last known of a model, perhaps with other settings."""
        known = self._known.get(model)
        return None if known is None else known.needs

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

    def _is_unknown(self, model: ModelSettings, room: Memory, budgets: Memory) -> bool:
        known = self._known.get(model.name)
        if known is None or not known.is_of(model):
            return True
        if any(abs(size - known.room.get(name, 0)) > CHANGE_RATIO * budgets[name] for name, size in room.items()):
            return True
        choices = [memory for memory, _ in known.needs.choices]
        return bool(choices) and not any(holds(room, memory) for memory in choices)

    async def _ask(self, models: Sequence[tuple[ModelSettings, Memory]], budgets: Memory) -> None:
        for model, room in models:
            needs = await self._needs(model, room)
            if not needs.choices and model.load == "demand":
                needs = needs._replace(refusal=needs.refusal + _what_stays(room, budgets))
                log.warning("model does not fit", extra={"model": model.name, "reason": needs.refusal})
                self._workers.unfit[model.name] = needs.refusal
            else:
                self._workers.unfit.pop(model.name, None)
            self._known[model.name] = _Known(model, room, needs)

    async def _needs(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        try:
            return await asyncio.to_thread(self._source.of, model, budgets)
        except Exception as error:  # of one model's files; the others must not suffer
            log.exception("needs of a model not known", extra={"model": model.name})
            return ModelNeeds((), 0.0, f"its needs cannot be estimated: {type(error).__name__}: {error}")


def _what_stays(room: Memory, budgets: Memory) -> str:
    held = {name: size - room.get(name, 0) for name, size in budgets.items()}
    told = [f"{rounded_bytes(size)} of {name}" for name, size in held.items() if size]
    return f" (workers that stay loaded hold {' and '.join(told)} of the whole budget)" if told else ""


def _sum(sizes: Iterable[Memory]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in sizes:
        total.update(each)
    return total
