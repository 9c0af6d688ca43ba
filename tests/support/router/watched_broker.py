"""A broker with fixed workers, models and counts, and fake GPUs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from router.jobs.residency.plan import UnloadCause
from router.jobs.workers.rows import WorkerRow
from shared.devices import Gpu
from shared.wire.supervision import DeviceBudget
from tests.support.router.fake_broker import MODEL, ROW, FakeBroker

BIG = MODEL.model_copy(update={"name": "big", "aliases": (), "load": "demand"})
PLANNED, HELD = {"cpu": 500, "cuda:0": 700}, {"cpu": 450, "cuda:0": 650}


class WatchedBroker(FakeBroker):
    """One running worker, one that has exited, a model on demand that has come and gone, and fixed counts."""

    failovers = Counter({"smol": 4})
    worker_losses = Counter({"smol": 2})
    dropped_lines = {"supervisor": 3, "smol-0": 0}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.budgets = (DeviceBudget("cpu", 4000, 8000), DeviceBudget("cuda:0", 900, 1000))
        if self.settings.models == (MODEL,):
            self.settings = self.settings.model_copy(update={"models": (MODEL, BIG)})
        record = self.residency.record
        record.loads["big"] = 3
        record.unload("big", UnloadCause.ROOM)
        self.residency.failures["big"] = "it found too little memory"

    def workers(self) -> list[WorkerRow]:
        running = dataclasses.replace(ROW, planned_memory_bytes=PLANNED, measured_memory_bytes=HELD)
        return [running, dataclasses.replace(ROW, name="smol-1", state="exited", pid=None, kv_total_tokens=0)]

    def queue_lengths(self) -> dict[str, int]:
        return {"smol": 7}


class FakeGpus:
    def gpus(self) -> list[Gpu]:
        return [Gpu(0, "GPU-0", "H100", 100, 30, 0.75), Gpu(1, "GPU-1", "H100 slice", 50, 50)]
