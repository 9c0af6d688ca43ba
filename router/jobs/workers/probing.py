"""Checks that a worker's events arrive: a probe goes out over the jobs socket and must come back over the bus.

PUB silently drops what is published before a subscription arrives. So a worker gets no job before its first echo.
"""

from __future__ import annotations

import logging
import secrets
import time

from router.jobs.workers.link import RouterLink
from router.jobs.workers.table import WorkerTable
from router.jobs.workers.worker import Worker
from shared.wire.messages import Probe, ProbeEcho
from shared.wire.supervision import WorkerState

PROBE_INTERVAL_S = 0.2
"""Minimum time between two probes of a worker."""
ROUTER_NAME = "router"
"""The same in every run, so that a worker drops the jobs of an earlier one."""

log = logging.getLogger("nexa.router.jobs")


class Prober:
    """Confirms workers for one run of the router."""

    def __init__(self, router_id: str, link: RouterLink, workers: WorkerTable) -> None:
        self._router_id = router_id
        self._link = link
        self._workers = workers

    def probe(self, worker: Worker) -> None:
        """Probe a loaded worker that is not confirmed, unless it was probed just now."""
        now_s = time.monotonic()
        loaded = worker.heartbeat.state is WorkerState.READY
        if loaded and not worker.confirmed and now_s - worker.probed_at_s >= PROBE_INTERVAL_S:
            worker.probed_at_s, worker.probe_nonce = now_s, secrets.randbits(32)
            self._link.send(worker.worker_id, Probe(ROUTER_NAME, self._router_id, worker.probe_nonce))

    def probe_all(self) -> None:
        """Probe every loaded worker that is not confirmed."""
        for worker in self._workers.all():
            self.probe(worker)

    def confirm(self, echo: ProbeEcho) -> Worker | None:
        """Take a probe's echo; returns the worker if the echo confirms it."""
        worker = self._workers.get(echo.worker_id)
        if worker is None or worker.confirmed or echo.nonce != worker.probe_nonce:
            return None
        worker.confirmed = True
        log.info("worker ready", extra={"worker": worker.heartbeat.worker_name, "pid": worker.heartbeat.pid})
        return worker
