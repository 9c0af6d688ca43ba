"""Samples of a broker's load, and the ring that keeps them."""

from __future__ import annotations

import asyncio

import pytest

from router.jobs.job import Job, JobRequest
from router.jobs.lines import UserShare
from router.telemetry.curves import sampler as sampling
from router.telemetry.curves.machine import MachineReader
from router.telemetry.curves.ring import MAX_SAMPLES, CurveRing, LoadSample, Sample
from router.telemetry.curves.sampler import CurveSampler
from shared.devices import Gpu
from shared.wire.jobs import TextJob
from tests.support.router.fake_broker import FakeBroker
from tests.support.router.watched_broker import FakeGpus

IDLE = LoadSample(0.0, 0.0, 0, 0, None, None, None, None)


class NoGpus:
    asked = 0

    def gpus(self) -> list[Gpu]:
        self.asked += 1
        return []


def test_an_idle_server_has_a_sample_too() -> None:
    sample = CurveSampler(FakeBroker(), NoGpus()).sample(None, 10.0, 1000.0)
    assert sample == Sample(1000.0, IDLE, {"smol": IDLE}, None)


def test_a_sample_has_the_jobs_and_their_latencies() -> None:
    broker = FakeBroker(shares=[UserShare("smol", "anna", 3, 1), UserShare("smol", "bob", 0, 2)])
    sampler = CurveSampler(broker, NoGpus())
    sampler.sample(None, 100.0, 1000.0)
    job = Job("job", JobRequest("request", "anna", "smol", TextJob(prompt="")), created_at_s=100.0)
    job.first_token_at_s, job.generated = 101.0, [1, 2, 3]
    broker.jobs.append(job)
    sample = sampler.sample(None, 102.0, 1002.0)
    assert sample.total == LoadSample(0.0, 0.0, 3, 3, 1.0, 1.0, 0.5, 0.5)
    assert sample.models == {"smol": sample.total}


def test_it_samples_until_it_is_cancelled_and_outlives_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stumbling(FakeBroker):
        looks = 0

        def user_shares(self) -> list[UserShare]:
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("a bug")
            if self.looks == 3:  # the second look's sample is in the ring
                recovered.set()
            return []

    recovered = asyncio.Event()

    async def go() -> None:
        broker = Stumbling()
        sampler = CurveSampler(broker, NoGpus())
        running = asyncio.create_task(sampler.run())
        await recovered.wait()
        running.cancel()
        assert sampler.ring.after(0)

    monkeypatch.setattr(sampling, "INTERVAL_S", 0.001)
    asyncio.run(asyncio.wait_for(go(), 20))


def test_the_ring_keeps_a_quarter_of_an_hour() -> None:
    ring = CurveRing()
    for at in range(MAX_SAMPLES + 5):
        ring.add(Sample(float(at), IDLE, {}, None))
    assert [sample.at_s for sample in ring.after(-1.0)][:1] == [5.0]
    assert len(ring.after(-1.0)) == MAX_SAMPLES == 450
    assert [sample.at_s for sample in ring.after(452.0)] == [453.0, 454.0]
    assert ring.after(454.0) == []


def test_the_machines_figures_are_read() -> None:
    figures = MachineReader(FakeGpus()).read()
    assert 0 < figures.memory_used_bytes < figures.memory_total_bytes
    assert figures.cpu_ratio >= 0
    assert [gpu.busy_ratio for gpu in figures.gpus] == [0.75, None]


def test_a_machine_without_gpus_is_asked_for_them_once() -> None:
    source = NoGpus()
    reader = MachineReader(source)
    reader.read(), reader.read()
    assert source.asked == 1
