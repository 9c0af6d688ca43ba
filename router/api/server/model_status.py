"""The state and load of each served model, from the rows of its workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.jobs.served import ServedModel
from router.jobs.workers.rows import WorkerRow
from router.schemas.server.status import MEDIA, Medium, ModelState, ModelStatus
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState

_STATES: dict[WorkerState, ModelState] = {
    WorkerState.READY: ModelState.READY,
    WorkerState.SPAWNING: ModelState.LOADING,
    WorkerState.LOADING: ModelState.LOADING,
    WorkerState.EXITED: ModelState.LOADING,  # it is started again
    WorkerState.DRAINING: ModelState.DRAINING,
    WorkerState.DRAINED: ModelState.DRAINED,
    WorkerState.FAILED: ModelState.FAILED,
}
_BEST_FIRST = tuple(ModelState)


def model_statuses(broker: Broker, limits: UserLimits) -> list[ModelStatus]:
    """All served models that a user with these limits may use, those for chats first."""
    rows, waiting, (_, missing) = broker.workers(), broker.queue_lengths(), broker.readiness()
    options = {model.name: model for model in broker.models_for(limits)}
    found = [
        _status(
            served,
            options[served.name],
            [row for row in rows if row.model == served.name],
            waiting.get(served.name, 0),
            missing.get(served.name, ""),
        )
        for served in broker.served_models()
        if served.name in options
    ]
    return sorted(found, key=lambda status: JobKind.TEXT not in status.kinds)


def _status(
    served: ServedModel, options: ModelSettings, rows: Sequence[WorkerRow], waiting: int, detail: str
) -> ModelStatus:
    ready = [row for row in rows if row.state == WorkerState.READY]
    state = _state(rows)
    return ModelStatus(
        id=served.name,
        aliases=list(served.aliases),
        kinds=list(served.kinds),
        inputs=_media(served.kinds, 0),
        outputs=_media(served.kinds, 1),
        thinks=served.thinks,
        state=state,
        progress=_progress(rows) if state is ModelState.LOADING else None,
        detail="" if state is ModelState.READY else detail,
        context_length=served.context_tokens or options.context_tokens or None,
        max_image_side=options.max_image_side if JobKind.IMAGE in served.kinds else None,
        translates=served.translates,
        workers=len(rows),
        ready_workers=len(ready),
        slots=sum(row.slots for row in ready),
        running=sum(row.running for row in rows),
        waiting=waiting + sum(row.queued for row in rows),
        tokens_per_s=round(sum(row.tokens_per_s for row in rows), 2),
    )


def _state(rows: Iterable[WorkerRow]) -> ModelState:
    """The best of the workers' states. Without a worker, as just after the start, the model is loading."""
    states = [_STATES[WorkerState(row.state)] for row in rows]
    return min(states, key=_BEST_FIRST.index, default=ModelState.LOADING)


def _progress(rows: Iterable[WorkerRow]) -> float | None:
    """The loaded share of the worker that is furthest; None until one has told any."""
    told = [row.loading for row in rows if row.state == WorkerState.LOADING and row.loading > 0]
    return max(told, default=None)


def _media(kinds: Iterable[JobKind], side: int) -> list[Medium]:
    """What models of these kinds take (``side`` 0) or give (1), without repetition."""
    return list(dict.fromkeys(medium for kind in kinds for medium in MEDIA[kind][side]))
