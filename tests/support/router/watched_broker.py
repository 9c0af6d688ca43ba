"""A broker with fixed workers and counts, and fake GPUs."""

from __future__ import annotations

import dataclasses
from collections import Counter

from router.jobs.workers.rows import WorkerRow
from shared.devices import Gpu
from tests.support.router.fake_broker import ROW, FakeBroker


class WatchedBroker(FakeBroker):
    """One running worker, one that has exited, and fixed counts."""

    failovers = Counter({"smol": 4})
    worker_losses = Counter({"smol": 2})
    dropped_lines = {"supervisor": 3, "smol-0": 0}

    def workers(self) -> list[WorkerRow]:
        return [ROW, dataclasses.replace(ROW, name="smol-1", state="exited", pid=None, kv_total_tokens=0)]

    def queue_lengths(self) -> dict[str, int]:
        return {"smol": 7}


class FakeGpus:
    def gpus(self) -> list[Gpu]:
        return [Gpu(0, "GPU-0", "H100", 100, 30, 0.75), Gpu(1, "GPU-1", "H100 slice", 50, 50)]
