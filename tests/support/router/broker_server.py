"""A real broker with real sockets, and workers that the test plays."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from router.jobs.broker import Broker
from router.jobs.job import Job, JobRequest
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import TextJob
from shared.wire.messages import Probe
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, Tokens
from shared.wire.supervision import WorkerState
from shared.wire.transport import Endpoints
from tests.support.workers.worker_end import WorkerEnd

PATIENCE_S = 20.0
STARTED = Started(3, 0)
DONE = Done(FinishReason.STOP, 3, 0, 3, 0.1)
SMOL = ModelSettings(name="smol", kinds=(JobKind.TEXT,), engine="echo", path="", aliases=("small",))


def tokens(*ids: int) -> list[Payload]:
    return [Tokens(f"<{token}>", [token]) for token in ids]


class BrokerServer:
    """A broker and its workers."""

    def __init__(self, folder: Path, queue_limit: int) -> None:
        self.settings = ServerSettings(
            models=(SMOL,), run_folder=str(folder), queue_limit=queue_limit, user_queue_limit=queue_limit
        )
        self.broker = Broker(self.settings)
        self.workers: list[WorkerEnd] = []

    def new_worker(self, worker_id: str = "worker", name: str = "smol-0", slots: int = 2) -> WorkerEnd:
        """A worker that the router does not know yet."""
        worker = WorkerEnd(Endpoints.in_folder(Path(self.settings.run_folder)), worker_id, name, slots)
        self.workers.append(worker)
        return worker

    async def ready_worker(self, worker_id: str = "worker", name: str = "smol-0", slots: int = 2) -> WorkerEnd:
        """A worker that the router has confirmed."""
        worker = self.new_worker(worker_id, name, slots)
        await self.until(lambda: self.confirmed(worker), worker.beat)
        return worker

    def confirmed(self, worker: WorkerEnd) -> bool:
        """Whether the router has seen the worker's answer to a probe."""
        ready = any(row.name == worker.name and row.state == WorkerState.READY for row in self.broker.workers())
        return ready and worker.of_type(Probe) != []

    def submit(self, user: str = "user", prompt: str = "a b c") -> Job:
        return self.broker.submit(JobRequest("request", user, "smol", TextJob(prompt=prompt)))

    async def submit_to(self, worker: WorkerEnd, user: str = "user") -> Job:
        """Submit a job and wait until it arrives at the worker."""
        job = self.submit(user)
        await self.until(lambda: job.wire_id in worker.jobs)
        return job

    async def running_on(self, worker: WorkerEnd, *ids: int) -> Job:
        """Submit a job and let the worker send these tokens for it."""
        job = await self.submit_to(worker)
        worker.say(job.wire_id, STARTED, *tokens(*ids))
        await self.until(lambda: job.generated == list(ids))
        return job

    async def until(self, condition: Callable[[], Any], meanwhile: Callable[[], object] | None = None) -> None:
        """Wait for a condition, calling ``meanwhile`` repeatedly."""
        deadline_at_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_at_s, f"not within {PATIENCE_S:g} s"
            if meanwhile is not None:
                meanwhile()
            await asyncio.sleep(0.005)

    async def round_trip(self, worker: WorkerEnd) -> None:
        """Wait until the router has handled everything that this worker has published."""
        job = await self.submit_to(worker, user="round trip")
        worker.say(job.wire_id, Failed(400, "seen"))
        await self.until(lambda: job.ended)


@asynccontextmanager
async def serving(queue_limit: int = 100) -> AsyncIterator[BrokerServer]:
    folder = Path(tempfile.mkdtemp(prefix="nx"))  # pytest's paths are too long for Unix sockets
    server = BrokerServer(folder, queue_limit)
    await server.broker.start()
    try:
        yield server
    finally:
        await server.broker.stop()
        for worker in server.workers:
            worker.close()
        shutil.rmtree(folder)


def run(test: Callable[[BrokerServer], Awaitable[None]], queue_limit: int = 100) -> None:
    async def in_server() -> None:
        async with serving(queue_limit) as server:
            await test(server)

    asyncio.run(in_server())


async def collect(job: Job) -> list[Payload]:
    """All events of a job, up to its end."""
    payloads: list[Payload] = []
    while new := await asyncio.wait_for(job.next_payloads(), PATIENCE_S):
        payloads += new
    return payloads
