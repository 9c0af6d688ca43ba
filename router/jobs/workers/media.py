"""Which pictures and recordings a served model takes in chats."""

from __future__ import annotations

from collections.abc import Sequence

from router.jobs.workers.worker import Worker
from shared.settings import ModelSettings
from shared.wire.jobs import MediaKind

_SEEING_ENGINES = frozenset({"llama"})
"""The engines some of whose models take media."""


def media_taken(model: ModelSettings, workers: Sequence[Worker]) -> tuple[MediaKind, ...] | None:
    """What chats with a model may have beside text: what its ready workers say, or None while there is none to ask."""
    ready = [worker for worker in workers if worker.ready]
    if not ready:
        return None if model.engine in _SEEING_ENGINES else ()
    return tuple(dict.fromkeys(medium for worker in ready for medium in worker.heartbeat.media))
