"""Workers and heartbeats without sockets."""

from __future__ import annotations

import time

from router.jobs.job import Job, JobRequest
from router.jobs.workers.prefix import Cut
from router.jobs.workers.worker import Worker
from shared.wire.jobs import TextJob
from shared.wire.messages import EngineStats, Heartbeat
from shared.wire.supervision import WorkerState


def beat(worker_id: str, name: str = "smol-0", state: WorkerState = WorkerState.READY, slots: int = 8) -> Heartbeat:
    stats = EngineStats(running=1, waiting=2, kv_used_tokens=30)
    return Heartbeat(worker_id, name, "smol", 42, "cpu", state, 1.0, slots, 2048, 1 << 20, 0.0, stats, time.monotonic())


def worker_with(jobs: int, cuts: list[Cut] | None = None, slots: int = 8) -> Worker:
    worker = Worker(beat("worker", slots=slots), heard_at_s=0.0, confirmed=True)
    for number in range(jobs):
        worker.jobs[str(number)] = Job(str(number), JobRequest("request", "user", "smol", TextJob(prompt="")))
    worker.prefixes.remember(cuts or [])
    return worker
