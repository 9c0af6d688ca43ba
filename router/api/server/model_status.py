"""The state and load of each served model, from the rows of its workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from router.api.server.residence import Residence, residence_of, told_state
from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.jobs.served import ServedModel
from router.jobs.workers.model_state import ModelState, StateOfModel
from router.jobs.workers.rows import WorkerRow
from router.schemas.server.status import MEDIA, Medium, ModelStatus
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState


def model_statuses(broker: Broker, limits: UserLimits) -> list[ModelStatus]:
    """All served models that a user with these limits may use, those for chats first."""
    rows, waiting, (_, missing) = broker.workers(), broker.queue_lengths(), broker.readiness()
    options = {model.name: model for model in broker.models_for(limits)}
    found = []
    for served in broker.served_models():
        model = options.get(served.name)
        if model is not None:
            own = [row for row in rows if row.model == served.name]
            state = told_state(broker, model, own)
            detail = missing.get(served.name) or state.reason or ""
            residence = residence_of(broker, model, own)
            found.append(_status(served, model, own, state, waiting.get(served.name, 0), detail, residence))
    return sorted(found, key=lambda status: JobKind.TEXT not in status.kinds)


def _status(
    served: ServedModel,
    options: ModelSettings,
    rows: Sequence[WorkerRow],
    found: StateOfModel,
    waiting: int,
    detail: str,
    residence: Residence,
) -> ModelStatus:
    ready = [row for row in rows if row.state == WorkerState.READY]
    return ModelStatus(
        id=served.name,
        aliases=list(served.aliases),
        kinds=list(served.kinds),
        inputs=inputs_of(served),
        outputs=outputs_of(served),
        thinks=served.thinks,
        state=found.state,
        progress=found.progress,
        detail="" if found.state is ModelState.READY else detail,
        **asdict(residence),
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


def inputs_of(served: ServedModel) -> list[Medium]:
    """What a model takes. Until it is loaded, its files say what a chat may have."""
    return list(dict.fromkeys([*_media(served.kinds, 0), *map(Medium, served.media)]))


def outputs_of(served: ServedModel) -> list[Medium]:
    """What a model gives."""
    return _media(served.kinds, 1)


def _media(kinds: Iterable[JobKind], side: int) -> list[Medium]:
    """What models of these kinds take (``side`` 0) or give (1), without repetition."""
    return list(dict.fromkeys(medium for kind in kinds for medium in MEDIA.get(kind, ((), ()))[side]))
