"""A worker's sockets, in their own thread.

It numbers, packs and sends events while the engine's thread computes the next step.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import assert_never

import zmq

from shared.wire.codec import MAX_FRAME_BYTES, WireError, encode
from shared.wire.jobs import Work
from shared.wire.messages import (
    HEARTBEAT_INTERVAL_S,
    ROUTER_MESSAGES,
    Acknowledge,
    Cancel,
    Drain,
    Event,
    JobReport,
    Probe,
    ProbeEcho,
    Replay,
    Replayed,
    ReportAnswer,
    RouterMessage,
    Step,
    Submit,
    router_topic,
)
from shared.wire.payloads import Failed
from shared.wire.transport import Endpoints, open_socket
from shared.wire.work import unpack
from workers.engine import Emitted
from workers.journal import JobJournal
from workers.resumable import MAX_RESUMABLE_EVENTS, ResumableJobs
from workers.testing.unreliable_bus import open_bus

MAX_WAITING_STEPS = 10_000
"""Messages kept for a router that does not read; further ones are dropped, and replayed when it reads again."""
MAX_PART_BYTES = 4 * 1024 * 1024
"""Size of the events of one message, where they are divided."""
MAX_MESSAGES_PER_TURN = 64
"""Messages read before events are published."""

log = logging.getLogger("nexa.worker.link")


@dataclass(frozen=True, slots=True)
class Submission:
    """A job from the router, and its files in the buffers that received them."""

    message: Submit
    work: Work
    blobs: list[memoryview]


Command = Submission | Cancel | Drain


class WorkerLink:
    """Connects one worker to the router and the supervisor.

    ``on_command`` is called in the link's thread for each command; it must be fast and thread-safe.
    """

    def __init__(
        self,
        worker_id: str,
        endpoints: Endpoints,
        on_command: Callable[[Command], None],
    ) -> None:
        self._worker_id = worker_id
        self._endpoints = endpoints
        self._on_command = on_command
        self._journal = JobJournal()
        self._resumable = ResumableJobs()
        self._router_ids: dict[str, str] = {}
        self._received: dict[str, int] = {}  # the last submission of each router
        self._outbox: deque[list[Emitted]] = deque()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Connect and start reporting."""
        self._thread.start()

    def emit(self, emitted: list[Emitted]) -> None:
        """Publish the events of a step. Thread-safe."""
        self._outbox.append(emitted)
        self._wake()

    def kept_jobs(self) -> int:
        """The number of jobs that run, or have ended without an acknowledgement from the router."""
        return len(self._journal)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Send the remaining events and close the sockets."""
        self._stopping = True
        self._wake()
        self._thread.join(timeout_s)

    def _wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def _run(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._jobs = open_socket(context, zmq.DEALER)
        self._jobs.setsockopt(zmq.ROUTING_ID, self._worker_id.encode())
        self._jobs.connect(self._endpoints.jobs)
        self._bus = open_bus(context)
        self._bus.setsockopt(zmq.LINGER, 500)
        self._bus.setsockopt(zmq.SNDHWM, MAX_WAITING_STEPS)
        self._bus.connect(self._endpoints.router_bus)
        try:
            self._loop()
        finally:
            self._jobs.close()
            self._bus.close()
            context.term()

    def _loop(self) -> None:
        poller = zmq.Poller()
        poller.register(self._jobs, zmq.POLLIN)
        poller.register(self._wake_fd, zmq.POLLIN)
        next_report_at_s = 0.0
        while True:
            stopping = self._stopping
            self._receive()
            self._publish()
            if time.monotonic() >= next_report_at_s:
                self._report()
                next_report_at_s = time.monotonic() + HEARTBEAT_INTERVAL_S
            if stopping:
                return
            poller.poll(max(0, math.ceil((next_report_at_s - time.monotonic()) * 1000)))
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake_fd)

    def _receive(self) -> None:
        for _ in range(MAX_MESSAGES_PER_TURN):
            try:
                frames = self._jobs.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                message = ROUTER_MESSAGES.decode(frames[0].bytes)
            except WireError as error:
                log.warning("message ignored", extra={"reason": str(error)})
                continue
            self._handle(message, frames[1:])

    def _handle(self, message: RouterMessage, frames: list[zmq.Frame]) -> None:
        match message:
            case Submit():
                self._submit(message, frames)
            case Cancel():
                self._cancel(message)
            case Replay(job_id=job_id, first_seq=first_seq):
                self._resumable.claim(job_id, self._journal.router_of(job_id))
                self._replay(job_id, self._journal.since(job_id, first_seq))
            case Acknowledge(job_ids=job_ids):
                for job_id in job_ids:
                    self._resumable.end(job_id, self._journal.take(job_id))
            case ReportAnswer():
                self._take_answer(message)
            case Probe():
                self._answer_probe(message)
            case Drain():
                self._on_command(message)
            case _:
                assert_never(message)

    def _submit(self, message: Submit, frames: list[zmq.Frame]) -> None:
        """Pass a job on, or let it fail if its work cannot be read."""
        if self._journal.open(message.job_id, message.router_id):
            try:
                work = unpack(frames[0].buffer if frames else b"", message.seed)
            except WireError as error:
                failed = Failed(500, f"the worker cannot read this request: {error}", None, "unreadable_request")
                self._outbox.append([(message.job_id, failed)])
            else:
                if message.ticket:
                    self._resumable.open(message, frames[0].bytes)
                self._on_command(Submission(message, work, [frame.buffer for frame in frames[1:]]))
        self._received[message.router_id] = message.number

    def _replay(self, job_id: str, events: list[Event] | None) -> None:
        """Send events again, in messages of a limited size."""
        known = events is not None
        for part in _parts(events) if events else [[]]:
            self._jobs.send(encode(Replayed(self._worker_id, job_id, known, part)))

    def _cancel(self, message: Cancel) -> None:
        self._journal.forget(message.job_id)
        self._resumable.forget(message.job_id)
        self._on_command(message)

    def _answer_probe(self, probe: Probe) -> None:
        """Publish the nonce. If the router has restarted, give it the jobs of its earlier run, or cancel them.

        Those with a ticket are given to it, again with each probe, since an echo may be lost.
        """
        orphans = self._resumable.orphans(probe.router_id)
        for orphan, events in orphans:
            self._journal.hand_over(orphan.submit.job_id, probe.router_id, events)
        if self._router_ids.get(probe.router_name, probe.router_id) != probe.router_id:
            for job_id in self._journal.jobs_of_others(probe.router_id):
                self._cancel(Cancel(job_id))
            self._received.pop(self._router_ids[probe.router_name], None)
        self._router_ids[probe.router_name] = probe.router_id
        self._received.setdefault(probe.router_id, 0)
        echo = ProbeEcho(self._worker_id, probe.nonce, [orphan for orphan, _ in orphans])
        self._bus.send_multipart([router_topic(probe.router_id), encode(echo)])

    def _publish(self) -> None:
        while self._outbox:
            by_router: defaultdict[str, list[Event]] = defaultdict(list)
            for job_id, payload in self._outbox.popleft():
                recorded = self._journal.record(job_id, payload)
                if recorded is not None:
                    by_router[recorded[0]].append(recorded[1])
            for router_id, events in by_router.items():
                self._send_step(router_topic(router_id), events)

    def _send_step(self, topic: bytes, events: list[Event]) -> None:
        """Publish the events of a step, in several messages if they do not fit into one."""
        frame = encode(Step(self._worker_id, events))
        if len(frame) <= MAX_FRAME_BYTES:
            self._bus.send_multipart([topic, frame])
        else:
            for part in _parts(events):
                self._bus.send_multipart([topic, encode(Step(self._worker_id, part))])

    def _report(self) -> None:
        """Tell each router what has arrived of it. It follows the events that it lists."""
        self._resumable.expire()
        for router_id, received in self._received.items():
            report = JobReport(self._worker_id, received, self._journal.last_seqs(router_id))
            self._bus.send_multipart([router_topic(router_id), encode(report)])

    def _take_answer(self, answer: ReportAnswer) -> None:
        """Note what is known to be lost, and drop the events that the router has."""
        if answer.router_id in self._received:
            self._received[answer.router_id] = max(self._received[answer.router_id], answer.submitted)
        for job_id, next_seq in answer.next_seqs.items():
            if self._journal.length(job_id) > MAX_RESUMABLE_EVENTS:
                self._resumable.forget(job_id)
            if not self._resumable.has(job_id):
                self._journal.drop_before(job_id, next_seq)


def _parts(events: list[Event]) -> Iterator[list[Event]]:
    """Divide events into parts of up to ``MAX_PART_BYTES``, or of one event that is larger."""
    part: list[Event] = []
    size_bytes = 0
    for event in events:
        event_bytes = len(encode(event))
        if part and size_bytes + event_bytes > MAX_PART_BYTES:
            yield part
            part, size_bytes = [], 0
        part.append(event)
        size_bytes += event_bytes
    yield part
