"""What is known of the models' needs: found out in a thread, and again whenever their workers teach something new."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from router.jobs.residency.needs import ModelNeeds, NeedsSource
from router.jobs.residency.plan import Memory
from router.jobs.workers.table import WorkerTable
from router.threads import Lane
from shared.hub.sizes import rounded_bytes
from shared.memory.fitting import holds
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerStatus

GROWTH_RATIO = 1.05
"""Beyond this growth, what a worker takes is noted again."""

CHANGE_RATIO = 0.05
"""If the room for a model changes by more than this part of the budget, it is fitted again."""

TIMEOUT_S = 60.0
"""For the headers of one model's files, and for the file of what was measured."""

RETRY_S = 60.0
"""Needs that could not be found out are asked for again after this time."""

log = logging.getLogger("nexa.router.residency")


class _Known(NamedTuple):
    """What a model needs, with the settings and the room for which it was asked. ``until_s`` it is not asked again."""

    model: ModelSettings
    room: Memory
    needs: ModelNeeds
    until_s: float = math.inf

    def is_of(self, model: ModelSettings) -> bool:
        return self.model is model or self.model == model


class KnownNeeds:
    """The needs of the served models, as far as they are known. ``unfit`` of the table has those that fit nowhere.

    Only a thread calls ``source``, since disks may be slow or hang: one call at a time, what was learnt before what is
    asked after it.
    """

    def __init__(self, source: NeedsSource, workers: WorkerTable, timeout_s: float = TIMEOUT_S) -> None:
        self._source = source
        self._workers = workers
        self._lane = Lane("needs of models", threads=1, timeout_s=timeout_s)
        self._lessons: deque[Callable[[], None]] = deque()
        self._outdated: set[str] = set()
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
        if new or self._lessons:
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
        self._lessons.append(functools.partial(self._source.learn, model, dict(status.memory), held, load_s))
        self.forget(model.name)

    def too_little(self, model: ModelSettings) -> None:
        """Note that a worker found less memory than it needed."""
        self._lessons.append(functools.partial(self._source.too_little, model))
        self.forget(model.name)

    def forget(self, model: str) -> None:
        """Find out anew what a model needs; what is just being found out is outdated."""
        self._known.pop(model, None)
        self._outdated.add(model)

    def keep_only(self, models: set[str]) -> None:
        """Forget all other models."""
        for model in self._known.keys() - models:
            del self._known[model]
        for worker in [name for name in self._learnt if name.rpartition("/")[0] not in models]:
            del self._learnt[worker]

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _is_unknown(self, model: ModelSettings, room: Memory, budgets: Memory) -> bool:
        known = self._known.get(model.name)
        if known is None or not known.is_of(model) or time.monotonic() >= known.until_s:
            return True
        if any(abs(size - known.room.get(name, 0)) > CHANGE_RATIO * budgets[name] for name, size in room.items()):
            return True
        choices = [memory for memory, _ in known.needs.choices]
        return bool(choices) and not any(holds(room, memory) for memory in choices)

    async def _ask(self, models: Sequence[tuple[ModelSettings, Memory]], budgets: Memory) -> None:
        await self._pass_lessons()
        self._outdated.clear()
        for model, room in models:
            known = await self._find_out(model, room)
            if model.name in self._outdated:
                continue
            if not known.needs.choices and model.load == "demand":
                known = known._replace(
                    needs=known.needs._replace(refusal=known.needs.refusal + _what_stays(room, budgets))
                )
                log.warning("model does not fit", extra={"model": model.name, "reason": known.needs.refusal})
                self._workers.unfit[model.name] = known.needs.refusal
            else:
                self._workers.unfit.pop(model.name, None)
            self._known[model.name] = known

    async def _pass_lessons(self) -> None:
        """Pass on what was learnt until now. A lesson that cannot be noted is lost: the next load teaches it again."""
        while self._lessons:
            try:
                await self._lane.run(self._lessons.popleft())
            except Exception:
                log.exception("what a worker takes is not noted")

    async def _find_out(self, model: ModelSettings, room: Memory) -> _Known:
        try:
            return _Known(model, room, await self._lane.run(self._source.of, model, room))
        except Exception as error:  # of one model's files; the others must not suffer
            log.exception("needs of a model not known", extra={"model": model.name})
            refusal = f"its needs cannot be estimated: {type(error).__name__}: {error}"
            return _Known(model, room, ModelNeeds((), 0.0, refusal), time.monotonic() + RETRY_S)


def _what_stays(room: Memory, budgets: Memory) -> str:
    held = {name: size - room.get(name, 0) for name, size in budgets.items()}
    told = [f"{rounded_bytes(size)} of {name}" for name, size in held.items() if size]
    return f" (workers that stay loaded hold {' and '.join(told)} of the whole budget)" if told else ""


def _sum(sizes: Iterable[Memory]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in sizes:
        total.update(each)
    return total
