"""Takes a sample of the server every two seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from router.jobs.broker import Broker
from router.telemetry.curves.latencies import IntervalLatencies, Latencies, percentile
from router.telemetry.curves.machine import MachineFigures, MachineReader
from router.telemetry.curves.rates import TokenRates, WorkerRates
from router.telemetry.curves.ring import INTERVAL_S, CurveRing, LoadSample, Sample
from router.threads import Lane
from shared.devices import GpuSource

READ_TIMEOUT_S = 1.0

log = logging.getLogger("nexa.router")


class CurveSampler:
    """Fills ``ring`` while it runs. ``latencies`` has to see the requests that end."""

    def __init__(self, broker: Broker, gpus: GpuSource) -> None:
        self.ring = CurveRing()
        self.latencies = IntervalLatencies(time.monotonic())
        self._broker = broker
        self._rates = WorkerRates()
        self._machine = MachineReader(gpus)
        self._lane = Lane("machine figures", max_waiting=0, timeout_s=READ_TIMEOUT_S)

    async def run(self) -> None:
        """Sample until cancelled. A sample that fails is logged, and does not end those to come."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                self.ring.add(self.sample(await self._figures(), time.monotonic(), time.time()))
            except Exception:
                log.exception("no sample of the load")

    def sample(self, machine: MachineFigures | None, now_s: float, at_s: float) -> Sample:
        """What has happened since the last sample. ``now_s`` is monotonic, ``at_s`` since the epoch."""
        shares = self._broker.user_shares()
        running, waiting = Counter[str](), Counter[str]()
        for share in shares:
            running[share.model] += share.running
            waiting[share.model] += share.waiting
        rates = self._rates.take(self._broker.heartbeats())
        latencies = self.latencies.take(self._broker.live_jobs(), now_s)
        models = {
            model.name: _load(
                rates.get(model.name, TokenRates()),
                running[model.name],
                waiting[model.name],
                latencies.get(model.name, Latencies()),
            )
            for model in self._broker.settings.models
        }
        together = Latencies(
            [value for one in latencies.values() for value in one.ttft_s],
            [value for one in latencies.values() for value in one.itl_s],
        )
        sums = TokenRates(*(sum(values) for values in zip(*rates.values(), strict=True)))
        return Sample(at_s, _load(sums, running.total(), waiting.total(), together), models, machine)

    async def _figures(self) -> MachineFigures | None:
        try:
            return await self._lane.run(self._machine.read)
        except (TimeoutError, OSError):
            return None


def _load(rates: TokenRates, running: int, waiting: int, latencies: Latencies) -> LoadSample:
    return LoadSample(
        tokens_per_s=rates.generated_per_s,
        prompt_tokens_per_s=rates.prompt_per_s,
        running=running,
        waiting=waiting,
        ttft_p50_s=percentile(latencies.ttft_s, 0.5),
        ttft_p95_s=percentile(latencies.ttft_s, 0.95),
        itl_p50_s=percentile(latencies.itl_s, 0.5),
        itl_p95_s=percentile(latencies.itl_s, 0.95),
    )
