"""What the worker's runtime knows of an engine: one small protocol, the same for text, images and speech."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from shared.engines.registry import find_engine
from shared.settings import ModelSettings
from shared.wire.jobs import Work
from shared.wire.messages import EngineStats
from shared.wire.payloads import Payload, Started


@dataclass(frozen=True, slots=True)
class EngineJob:
    """A job as an engine gets it.

    ``generated`` are tokens that an earlier worker already produced and sent; ``delivered`` counts the pictures or the
    chunks of a recording that one did; ``begun`` is what the first one said at the start. ``blobs`` are the files that
    belong to the job.
    """

    job_id: str
    work: Work
    generated: list[int] = field(default_factory=list)
    blobs: list[memoryview] = field(default_factory=list)
    delivered: int = 0
    begun: Started | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a loaded engine offers: jobs at once, and the longest context in tokens (0 where that means nothing)."""

    slots: int
    context_tokens: int


Emitted = tuple[str, Payload]
"""A job's id and what happened to it."""


class EngineLoadError(Exception):
    """The model cannot be loaded; the message is one readable line."""


class WorkerMustEnd(Exception):
    """A cancelled job can only be stopped by ending this process; the supervisor starts another one at once."""


class Engine(Protocol):
    """A loaded model and the jobs that run on it. All calls come from one thread."""

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        """Load the model, calling ``report`` with the fraction done (0 to 1).

        Raises:
            EngineLoadError: the model cannot be loaded.
        """

    def submit(self, job: EngineJob) -> list[Emitted]:
        """Take a job.

        Raises:
            JobError: the job asks for what this engine cannot do.
        """

    def cancel(self, job_id: str) -> None:
        """Forget a job and free what it held. Unknown ids are ignored.

        Raises:
            WorkerMustEnd: the job runs in native code that cannot be interrupted and would take too long.
        """

    def has_work(self) -> bool:
        """Whether :meth:`step` has anything to do."""

    def step(self) -> list[Emitted]:
        """Advance the running jobs by one step and return what they produced.

        Where a step takes long, this returns early and often with what there is, so that commands are heard.
        """

    def stats(self) -> EngineStats:
        """The load at this moment."""

    def close(self) -> None:
        """Free the model."""


EngineFactory = Callable[[ModelSettings, int, str], Engine]
"""Makes the engine of one worker from the model, its number of threads and its device."""


def build_engine(model: ModelSettings, threads: int, device: str) -> Engine:
    """Make the engine that ``model`` needs. Only that engine's libraries are imported.

    Raises:
        EngineLoadError: there is no such engine.
    """
    spec = find_engine(model.engine)
    if spec is None:
        raise EngineLoadError(f"engine: expected one that this version has, got {model.engine!r}")
    create: EngineFactory = pkgutil.resolve_name(spec.factory)
    return create(model, threads, device)
