"""A broker whose jobs follow a script. It has no sockets and no workers; the jobs are real :class:`Job` objects."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from router.jobs.broker import Broker
from router.jobs.job import Job, JobRequest, JobState
from router.jobs.limits import UNLIMITED, UserLimits
from router.jobs.lines import UserShare
from router.jobs.refusals import RefusalReason, Refused
from router.jobs.residency.controller import ResidencyController
from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.record import ResidencyRecord
from router.jobs.served import ServedModel, adapter_names, find_model
from router.jobs.workers.control import WorkerControl
from router.jobs.workers.history import WorkerEvent
from router.jobs.workers.rows import WorkerRow
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import MediaKind, TextJob
from shared.wire.messages import Heartbeat, Orphan, Submit
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, Tokens
from shared.wire.supervision import DeviceBudget

MODEL = ModelSettings(name="smol", kinds=(JobKind.TEXT,), engine="echo", path="", aliases=("gpt-4o", "small"))
QUEUE_FULL = Refused(RefusalReason.QUEUE_FULL, "the queue is full", retry_after_s=3)

Script = Sequence[Payload]
Renaming = Callable[[tuple[ModelSettings, ...]], tuple[ModelSettings, ...]]


def words(*texts: str, finish: FinishReason = FinishReason.STOP, prompt_tokens: int = 7, cached: int = 3) -> Script:
    """A job that generates these texts, one per step."""
    steps: Script = [Tokens(text, [index]) for index, text in enumerate(texts)]
    return [Started(prompt_tokens, cached), *steps, Done(finish, prompt_tokens, cached, len(texts), 0.01)]


ROW = WorkerRow(
    name="smol-0",
    model="smol",
    state="ready",
    pid=os.getpid(),
    device="cuda:0",
    slots=16,
    running=3,
    queued=2,
    memory_bytes=1,
    kv_used_tokens=512,
    kv_total_tokens=2048,
    tokens_per_s=70.5,
    prompt_tokens=1000,
    cached_tokens=600,
    generated_tokens=400,
    preemptions=5,
    restarts=1,
    loading=1.0,
    detail="",
    last_lines=[],
)


class FakeControl(WorkerControl):
    """Takes every order, and records it."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, str | None]] = []

    def drain(self, name: str) -> list[WorkerRow]:
        self.orders.append(("drain", name))
        return []

    def restart(self, name: str | None) -> list[WorkerRow]:
        self.orders.append(("restart", name))
        return []


class FakeResidency(ResidencyController):
    """Takes every order, and records it. ``needs`` are what is known of models; they come if ``coming``."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, str]] = []
        self.needs: dict[str, ModelNeeds] = {}
        self.record = ResidencyRecord()
        self.failures: dict[str, str] = {}
        self.coming = True

    def load(self, model: str) -> None:
        self.orders.append(("load", model))

    def unload(self, model: str) -> list[str]:
        self.orders.append(("unload", model))
        return [f"{model}/0"]

    def comes(self, model: str) -> bool:
        return self.coming

    def keep(self, model: str, idle_s: float) -> None:
        self.orders.append((f"keep {idle_s:g} s", model))

    def leaves_in_s(self, model: ModelSettings) -> float | None:
        return None if model.load == "start" else 60.0

    def retry_in_s(self, model: str) -> float | None:
        return 10.0 if model in self.failures else None

    def failure(self, model: str) -> str | None:
        return self.failures.get(model)

    @property
    def failed_loads(self) -> Counter[str]:
        return Counter(self.failures.keys())

    def needs_of(self, model: str) -> ModelNeeds | None:
        return self.needs.get(model)


@dataclass
class FakeBroker(Broker):
    """Plays ``script`` for each job, one event per turn of the event loop; without an end the job never ends.

    With ``in_turn``, a job begins when those before it have ended, as with one worker of one slot. Raises ``refusal``,
    if there is one, once it has accepted ``accepts`` jobs.
    """

    settings: ServerSettings = field(default_factory=lambda: ServerSettings(models=(MODEL,), run_folder=""))
    script: Script | Callable[[Any], Script] = field(default_factory=lambda: words("Once", " upon"))
    refusal: Exception | None = None
    accepts: int = 0
    in_turn: bool = False
    missing: dict[str, str] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    shares: list[UserShare] = field(default_factory=list)
    events: list[WorkerEvent] = field(default_factory=list)
    cancelled: list[Job] = field(default_factory=list)
    released: list[Job] = field(default_factory=list)
    control: FakeControl = field(default_factory=FakeControl)
    residency: FakeResidency = field(default_factory=FakeResidency)
    unfit: dict[str, str] = field(default_factory=dict)
    budgets: Sequence[DeviceBudget] = ()
    rows: tuple[WorkerRow, ...] = (ROW,)
    settled: bool = True
    media: tuple[MediaKind, ...] = ()
    running: bool = False
    app: FastAPI | None = None
    _served: tuple[ModelSettings, ...] | None = None
    _naming: Renaming = lambda models: models
    _players: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def models(self) -> tuple[ModelSettings, ...]:
        return self.settings.models if self._served is None else self._served

    def set_models(self, models: tuple[ModelSettings, ...]) -> None:
        self._served = models
        self.settings = self.settings.model_copy(update={"models": self._naming(models)})

    def rename_with(self, rename: Renaming) -> None:
        self._naming = rename
        self.set_models(self.models)

    def find_model(self, name: str | None, kind: JobKind, limits: UserLimits = UNLIMITED) -> ModelSettings:
        if limits.models is not None or any(model.adapters for model in self.settings.models):
            return find_model(self.settings.models, name, kind, limits=limits)
        for model in self.settings.models:
            if name in (None, model.name, *model.aliases):
                return model
        message = f"model: expected one of smol (text); got {name!r}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")

    def submit(self, request: JobRequest) -> Job:
        if self.refusal is not None and len(self.jobs) >= self.accepts:
            raise self.refusal
        job = Job(job_id=f"{request.request_id}-{len(self.jobs)}", request=request, worker_id="smol-0")
        self.jobs.append(job)
        job.move(JobState.DISPATCHED)
        player = asyncio.ensure_future(self._play(job))
        self._players.add(player)
        player.add_done_callback(self._players.discard)
        return job

    def cancel(self, job: Job) -> None:
        if not job.ended:
            job.move(JobState.CANCELLED)
            self.cancelled.append(job)
            job.wake()

    def adopt_with(self, restore: Callable[[str, Orphan], bool]) -> None:
        self.restore = restore

    def adopt(self, worker_id: str, submit: Submit, request: JobRequest) -> Job:
        return self.submit(request)

    def release(self, job: Job) -> None:
        self.released.append(job)

    def readiness(self) -> tuple[bool, dict[str, str]]:
        return not self.missing, self.missing

    def hopeless(self, model: str) -> str | None:
        return self.unfit.get(model)

    def misfit(self, model: str) -> str | None:
        return self.unfit.get(model)

    def workers(self) -> list[WorkerRow]:
        return list(self.rows)

    def queue_lengths(self) -> dict[str, int]:
        return {"smol": sum(share.waiting for share in self.shares)}

    def heartbeats(self) -> list[Heartbeat]:
        return []

    def live_jobs(self) -> list[Job]:
        return [job for job in self.jobs if not job.ended]

    def worker_events(self, after_s: float, until_s: float) -> list[WorkerEvent]:
        return [event for event in self.events if after_s < event.at_s <= until_s]

    def user_shares(self) -> list[UserShare]:
        return self.shares

    def served_models(self) -> list[ServedModel]:
        models, ready = self.settings.models, not self.missing
        return [
            ServedModel(
                model.name,
                model.kinds,
                model.aliases,
                2048,
                ready,
                adapters=adapter_names(models, model),
                media=self.media,
            )
            for model in models
        ]

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    @property
    def texts(self) -> list[TextJob]:
        """The submitted text jobs."""
        return [job.request.work for job in self.jobs if isinstance(job.request.work, TextJob)]

    async def _play(self, job: Job) -> None:
        script = self.script(job.request.work) if callable(self.script) else self.script
        earlier = self.jobs[: self.jobs.index(job)] if self.in_turn else []
        while any(not other.ended for other in earlier):  # noqa: ASYNC110 - jobs have no event for their end
            await asyncio.sleep(0)
        for payload in script:
            await asyncio.sleep(0)
            if job.ended:
                return
            if isinstance(payload, Done | Failed):
                job.move(JobState.DONE if isinstance(payload, Done) else JobState.FAILED)
            job.deliver(payload)
