"""An engine that a test adds. Its model is a ``.toy`` file; it answers with the words in it.

``python -m tests.support.toy_engine`` is a worker process that knows this engine too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from shared.engines import registry
from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.spec import EngineSpec
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.messages import EngineStats
from shared.wire.payloads import Done, FinishReason, Started, Tokens
from workers.__main__ import main
from workers.engine import Emitted, EngineInfo, EngineJob, EngineLoadError

SUFFIX = ".toy"


class ToyEngine:
    """Answers every job with the whole model, in one step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._words: list[str] = []
        self._jobs: list[str] = []

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        self._words = self._path.read_text().split()
        if not self._words:
            raise EngineLoadError(f"{self._path.name} has no words")
        report(1.0)
        return EngineInfo(slots=1, context_tokens=len(self._words))

    def submit(self, job: EngineJob) -> list[Emitted]:
        self._jobs.append(job.job_id)
        return []

    def cancel(self, job_id: str) -> None:
        self._jobs.remove(job_id)

    def has_work(self) -> bool:
        return bool(self._jobs)

    def step(self) -> list[Emitted]:
        job_id = self._jobs.pop(0)
        done = Done(FinishReason.STOP, 1, 0, len(self._words), 0.0)
        return [(job_id, Started(1, 0)), (job_id, Tokens(" ".join(self._words), [0])), (job_id, done)]

    def stats(self) -> EngineStats:
        return EngineStats(running=len(self._jobs), waiting=0, generated_tokens=0, steps=0)

    def close(self) -> None:
        self._jobs.clear()


def create(model: ModelSettings, _threads: int, _device: str) -> ToyEngine:
    """The engine of one worker."""
    return ToyEngine(Path(model.path))


def _recognise(candidate: Candidate) -> ModelFiles | None:
    if candidate.path.suffix != SUFFIX:
        return None
    return ModelFiles(candidate.path, TOY.name, TOY.kinds)


def _choose(listing: Listing) -> list[HubFile]:
    return listing.matching(SUFFIX)[:1]


TOY = EngineSpec(
    name="toy",
    kinds=(JobKind.TEXT,),
    factory="tests.support.toy_engine:create",
    opens="a .toy file",
    suffixes=(SUFFIX,),
    recognise=_recognise,
    choose=_choose,
)

if __name__ == "__main__":
    registry.ENGINES = (*registry.ENGINES, TOY)
    sys.exit(main())
