"""What chats with a model may have beside text, as its workers tell."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from router.jobs.workers.media import media_taken
from router.jobs.workers.worker import Worker
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.jobs import MediaKind
from shared.wire.supervision import WorkerState
from tests.support.router.workers import beat


@dataclass(frozen=True)
class Told:
    """A worker in this state, whose model takes these media."""

    media: tuple[MediaKind, ...]
    state: WorkerState = WorkerState.READY

    def worker(self) -> Worker:
        return Worker(replace(beat("worker", state=self.state), media=self.media), heard_at_s=0.0, confirmed=True)


@pytest.mark.parametrize(
    ("workers", "taken"),
    [
        ([Told(()), Told(("image", "audio"))], ("image", "audio")),
        ([Told(())], ()),
        ([Told(("image",), WorkerState.LOADING)], ("audio",)),
        ([], ("audio",)),
    ],
)
def test_ready_workers_know_what_their_model_takes(workers: list[Told], taken: tuple[MediaKind, ...]) -> None:
    model = ModelSettings(name="smol", kinds=(JobKind.TEXT,), engine="llama", path="", media=("audio",))
    assert media_taken(model, [told.worker() for told in workers]) == taken
