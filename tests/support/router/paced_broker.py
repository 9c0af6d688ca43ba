"""A broker whose jobs advance only as far as the test allows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from router.jobs.job import Job, JobState
from shared.wire.payloads import Done, Failed
from tests.support.router.fake_broker import FakeBroker


@dataclass
class PacedBroker(FakeBroker):
    """Each job gets the first ``allowed`` events of its script; the test may raise that from its thread."""

    allowed: int = 0

    async def _play(self, job: Job) -> None:
        script = self.script(job.request.work) if callable(self.script) else self.script
        for number, payload in enumerate(script):
            await asyncio.sleep(0)
            while number >= self.allowed and not job.ended:  # noqa: ASYNC110 - another thread raises it
                await asyncio.sleep(0.001)
            if job.ended:
                return
            if job.state is JobState.DISPATCHED:
                job.move(JobState.RUNNING)
            if isinstance(payload, Done | Failed):
                job.move(JobState.DONE if isinstance(payload, Done) else JobState.FAILED)
            job.deliver(payload)
