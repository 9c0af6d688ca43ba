"""The protocol between a worker's runtime and its engine, the same for all kinds of job."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from shared.distribution import how_to_install
from shared.engines.registry import engine_names, find_engine
from shared.settings import ModelSettings
from shared.wire.jobs import MediaKind, Work
from shared.wire.messages import EngineStats
from shared.wire.payloads import Payload, Started
from shared.wire.pictures import PictureInfo

Party = tuple[str, float]
"""Whose turn it is: a user, with a weight. Turns of less weight come less often."""


@dataclass(frozen=True, slots=True)
class EngineJob:
    """A job for an engine, possibly one that an earlier worker began.

    ``blobs`` are its files. If earlier workers had the job, ``generated`` are the tokens that they sent, ``delivered``
    counts the pictures, chunks of audio or log probabilities of an echoed prompt that they sent, and ``begun`` is what
    the first one reported at the start. ``user`` is an opaque id of who asked for it, ``weight`` that user's share
    of the worker beside others, above 0. ``mirostat_mu`` came with the last of the tokens, if they are drawn by
    Mirostat.
    """

    job_id: str
    work: Work
    generated: list[int] = field(default_factory=list)
    blobs: list[memoryview] = field(default_factory=list)
    delivered: int = 0
    begun: Started | None = None
    user: str = ""
    weight: float = 1.0
    mirostat_mu: float | None = None

    @property
    def party(self) -> Party:
        """Whose turns it takes."""
        return self.user, self.weight


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """A loaded engine: how many jobs run at once, and the context window in tokens (0 if it has none).

    ``device`` is where it runs; None for the device that its worker was given, or if it cannot tell. ``translates``:
    whether it turns speech of other languages into English. ``thinks``: whether answers to
    chats may begin with thoughts. ``media`` are those that a chat may hold beside text. ``images`` is what an image
    model is and can do.
    """

    slots: int
    context_tokens: int
    device: str | None = None
    translates: bool = False
    thinks: bool = False
    media: tuple[MediaKind, ...] = ()
    images: PictureInfo | None = None


Emitted = tuple[str, Payload]
"""A job's id and an event of that job."""


class EngineLoadError(Exception):
    """The model cannot be loaded. The message is one line for the operator."""


class WorkerMustEnd(Exception):
    """A cancelled job can be stopped only by ending this process. The supervisor then starts another worker at once."""


class Engine(Protocol):
    """A loaded model and the jobs that run on it. All calls come from one thread."""

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        """Load the model, calling ``report`` with the fraction done (0 to 1).

        Raises:
            EngineLoadError: the model cannot be loaded.
        """

    def submit(self, job: EngineJob) -> list[Emitted]:
        """Accept a job.

        Raises:
            JobError: this engine cannot do the job.
        """

    def cancel(self, job_id: str) -> None:
        """Drop a job and free its resources. Unknown ids are ignored.

        Raises:
            WorkerMustEnd: the job runs in native code that cannot be interrupted and takes too long to wait for.
        """

    def has_work(self) -> bool:
        """Whether :meth:`step` has anything to do."""

    def step(self) -> list[Emitted]:
        """Advance the running jobs by one step and return their events.

        An engine whose steps take long returns early and often, so that the runtime can read commands in between.
        """

    def stats(self) -> EngineStats:
        """The current load."""

    def close(self) -> None:
        """Free the model."""


@dataclass(frozen=True, slots=True)
class DiskPlace:
    """Where engines may keep what they have computed, beyond the end of the process.

    ``secret_file`` has the secret with which files are signed; all engines together may keep ``limit_bytes``. At the
    end, an engine may take ``end_s`` to write.
    """

    folder: Path
    secret_file: Path
    limit_bytes: int
    end_s: float


@runtime_checkable
class KeepingEngine(Engine, Protocol):
    """An engine that can keep things on disk, and uses the time without work for that."""

    def keep_on_disk(self, place: DiskPlace) -> None:
        """Keep things there. Called before :meth:`load`."""

    def rest(self) -> float | None:
        """Do a little of what can wait; there is no work. Returns when to call it again in seconds, None for never.

        Work ends that: it is called anew once there is none.
        """

    def settle(self) -> None:
        """Keep what can be kept. :meth:`close` follows, and no jobs."""


@runtime_checkable
class HoldingEngine(Engine, Protocol):
    """An engine with processes of its own, which hold what its model takes of the memory."""

    def held_bytes(self) -> int:
        """Their resident memory. Any thread may call it."""


EngineFactory = Callable[[ModelSettings, int, str], Engine]
"""Makes an engine from the model, the number of threads and the device. It is not loaded yet."""


def build_engine(model: ModelSettings, threads: int, device: str) -> Engine:
    """Make the engine for ``model``. Only that engine's libraries are imported.

    Raises:
        EngineLoadError: there is no such engine, or a package that it needs is missing.
    """
    spec = find_engine(model.engine)
    if spec is None:
        raise EngineLoadError(f"engine: expected one of {', '.join(engine_names())}, got {model.engine!r}")
    try:
        create: EngineFactory = pkgutil.resolve_name(spec.factory)
    except ImportError as error:
        if not spec.extra:
            raise
        raise EngineLoadError(
            f"models for {spec.name} need more packages ({error}): {how_to_install(spec.extra)}"
        ) from error
    return create(model, threads, device)
