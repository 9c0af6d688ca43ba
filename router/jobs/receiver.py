"""Handles what workers and the supervisor send: the events of jobs, heartbeats, probe echoes and rosters."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import assert_never

from router.jobs.completion import Completion
from router.jobs.dispatch import Dispatcher
from router.jobs.failover import Failover
from router.jobs.job import Job, JobState
from router.jobs.workers.link import RouterLink
from router.jobs.workers.probing import Prober
from router.jobs.workers.table import WorkerTable
from router.jobs.workers.worker import Worker
from shared.wire.messages import (
    Acknowledge,
    BusMessage,
    Cancel,
    Event,
    Heartbeat,
    JobReport,
    Orphan,
    ProbeEcho,
    Replay,
    Replayed,
    ReportAnswer,
    Step,
)
from shared.wire.payloads import Done, Failed, Started, Tokens
from shared.wire.supervision import Roster

log = logging.getLogger("nexa.router.jobs")

REPLAY_INTERVAL_S = 0.2
"""Minimum time between two replay requests for a job."""


Restore = Callable[[str, Orphan], bool]
"""Goes on with a job that the worker with this id has, or returns False: then the job is cancelled."""


class Receiver:
    """Applies each message to its jobs and workers. ``is_ready`` tells whether every model has a ready worker.

    ``restore`` is called for each job that a worker has from an earlier run of the router.
    """

    def __init__(
        self,
        router_id: str,
        workers: WorkerTable,
        prober: Prober,
        dispatcher: Dispatcher,
        completion: Completion,
        failover: Failover,
        link: RouterLink,
        is_ready: Callable[[], bool],
    ) -> None:
        self._router_id = router_id
        self._workers = workers
        self._prober = prober
        self._dispatcher = dispatcher
        self._completion = completion
        self._failover = failover
        self._link = link
        self._is_ready = is_ready
        self._jobs = dispatcher.jobs
        self.restore: Restore = lambda worker_id, orphan: False

    def receive(self, message: BusMessage | Replayed) -> None:
        """Handle one message."""
        match message:
            case Step():
                for event in message.events:
                    self._on_event(message.worker_id, event)
            case Heartbeat():
                self._on_heartbeat(message)
            case JobReport():
                self._on_job_report(message)
            case ProbeEcho():
                self._on_probe_echo(message)
            case Replayed():
                self._on_replayed(message)
            case Roster():
                self._on_roster(message)
            case other:
                assert_never(other)

    def _on_event(self, worker_id: str, event: Event) -> None:
        job = self._jobs.get(event.job_id)
        if job is None or job.worker_id != worker_id or event.seq < job.next_seq:
            return
        if event.seq > job.next_seq:
            self._request_replay(job)
            return
        job.next_seq += 1
        payload = event.payload
        if job.state is JobState.DISPATCHED:
            job.move(JobState.RUNNING)
        if not isinstance(payload, Tokens):  # by far the most frequent
            if isinstance(payload, Done | Failed):
                self._completion.finish(job, payload)
                return
            if isinstance(payload, Started) and job.started:
                return
        job.deliver(payload)
        if job.proof and job.produced >= job.proof:
            self._dispatcher.survived(job)

    def _request_replay(self, job: Job) -> None:
        """Request events that the bus lost. Until they come, events after the gap are ignored."""
        now_s = time.monotonic()
        if job.worker_id is not None and now_s - job.replay_requested_at_s >= REPLAY_INTERVAL_S:
            job.replay_requested_at_s = now_s
            log.warning("events lost, replay requested", extra={"job": job.job_id, "from": job.next_seq})
            self._link.send(job.worker_id, Replay(job.wire_id, job.next_seq))

    def _on_replayed(self, message: Replayed) -> None:
        job = self._jobs.get(message.job_id)
        if job is None or job.worker_id != message.worker_id:
            return
        if not message.known:
            self._failover.requeue(job)
            return
        for event in message.events:
            self._on_event(message.worker_id, event)

    def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        if heartbeat.model not in self._dispatcher.lines.models:
            return  # not a worker of this server
        worker, replaced = self._workers.update(heartbeat)
        for other in replaced:
            self._failover.lose(other, "it was replaced")
        if not worker.confirmed:
            self._prober.probe(worker)
            return
        if worker.has_room:
            self._dispatcher.dispatch(heartbeat.model)

    def _on_job_report(self, report: JobReport) -> None:
        """Find what was lost without a later event to reveal it: ends of jobs, submissions, cancellations."""
        worker = self._workers.get(report.worker_id)
        if worker is None or not worker.confirmed:
            return
        worker.note_received(report.received)
        for job in list(worker.jobs.values()):
            self._dispatcher.lines.of(job.request).queue.settle(job)
            last_seq = report.jobs.get(job.wire_id)
            if last_seq is None:
                if job.number <= report.received:
                    self._failover.requeue(job)
            elif last_seq >= job.next_seq:
                self._request_replay(job)
        for job_id in report.jobs.keys() - worker.jobs.keys():
            if job_id in worker.acknowledged:  # perhaps only the report was older: its events may still be needed
                self._link.send(worker.worker_id, Acknowledge([job_id]))
            else:
                self._link.send(worker.worker_id, Cancel(job_id))
        worker.acknowledged &= report.jobs.keys()
        self._answer(worker, report)
        if worker.has_room:
            self._dispatcher.dispatch(worker.heartbeat.model)

    def _answer(self, worker: Worker, report: JobReport) -> None:
        """Tell a worker what of its report has arrived here."""
        next_seqs = {job_id: worker.jobs[job_id].next_seq for job_id in report.jobs if job_id in worker.jobs}
        if next_seqs or worker.submitted > report.received:
            answer = ReportAnswer(self._router_id, worker.submitted, next_seqs)
            self._link.send(worker.worker_id, answer)

    def _on_probe_echo(self, echo: ProbeEcho) -> None:
        worker = self._prober.confirm(echo)
        if worker is None:
            return
        for orphan in echo.orphans:
            job_id = orphan.submit.job_id
            if job_id not in worker.jobs and not self.restore(worker.worker_id, orphan):
                self._link.send(worker.worker_id, Cancel(job_id))
        self._dispatcher.dispatch(worker.heartbeat.model)

    def _on_roster(self, roster: Roster) -> None:
        for worker in self._workers.read_roster(roster):
            self._failover.lose(worker, "it exited")
        self._link.send_alive(self._is_ready())
        self._failover.fail_hopeless()
