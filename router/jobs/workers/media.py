"""Which pictures and recordings a served model takes in chats."""

from __future__ import annotations

from collections.abc import Sequence

from router.jobs.workers.worker import Worker
from shared.settings import ModelSettings
from shared.wire.jobs import MediaKind


def media_taken(model: ModelSettings, workers: Sequence[Worker]) -> tuple[MediaKind, ...]:
    """What chats with a model may have beside text: what its ready workers say; without one, what its files say."""
    ready = [worker for worker in workers if worker.ready]
    if not ready:
        return model.media
    return tuple(dict.fromkeys(medium for worker in ready for medium in worker.heartbeat.media))
