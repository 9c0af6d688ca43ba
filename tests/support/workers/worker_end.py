"""A worker's sockets, driven by a test on the event loop of the router under test."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

import zmq

from shared.wire.codec import encode
from shared.wire.jobs import MediaKind, Work
from shared.wire.messages import (
    HEARTBEAT_TOPIC,
    ROSTER_TOPIC,
    ROUTER_MESSAGES,
    Acknowledge,
    Cancel,
    EngineStats,
    Event,
    Heartbeat,
    JobReport,
    Orphan,
    Probe,
    ProbeEcho,
    Replay,
    Replayed,
    ReportAnswer,
    Step,
    Submit,
    router_topic,
)
from shared.wire.payloads import Payload
from shared.wire.supervision import Roster, WorkerState, WorkerStatus
from shared.wire.transport import Endpoints, SocketReader, open_socket
from shared.wire.work import unpack


class WorkerEnd:
    """Answers probes and replays, unless switched off. The test does everything else."""

    def __init__(self, endpoints: Endpoints, worker_id: str = "worker", name: str = "smol-0", slots: int = 2) -> None:
        self.worker_id = worker_id
        self.name = name
        self.slots = slots
        self.model = "smol"
        self.state = WorkerState.READY
        self.media: tuple[MediaKind, ...] = ()
        self.answers_probes = True
        self.answers_replays = True
        self.received: list[Any] = []
        self.jobs: dict[str, list[Event]] = {}
        self.router_id = ""
        self.read_up_to = 0
        self.works: dict[str, Work] = {}
        self.orphans: list[Orphan] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._dealer = open_socket(self._context, zmq.DEALER)
        self._dealer.setsockopt(zmq.ROUTING_ID, worker_id.encode())
        self._dealer.connect(endpoints.jobs)
        self._bus = open_socket(self._context, zmq.PUB)
        self._bus.connect(endpoints.router_bus)
        self._reader = SocketReader(self._dealer, self._receive)

    def close(self) -> None:
        """Disappear without a message."""
        if not self._dealer.closed:
            self._reader.close()
            self._context.destroy(linger=0)

    @property
    def submissions(self) -> list[Submit]:
        """The jobs received, in order."""
        return self.of_type(Submit)

    def of_type(self, kind: type[Any]) -> list[Any]:
        """The messages of one type received, in order."""
        return [message for message in self.received if isinstance(message, kind)]

    def beat(self, running: int | None = None) -> None:
        """Publish a heartbeat, and report all jobs that are neither acknowledged nor cancelled; by default all run."""
        stats = EngineStats(running=len(self.jobs) if running is None else running)
        place = (self.worker_id, self.name, self.model, os.getpid(), "cpu", self.state, 1.0)
        figures = (self.slots, 2048, 1 << 20, 0.0, stats, time.monotonic())
        heartbeat = Heartbeat(*place, *figures, media=self.media)
        self._publish(HEARTBEAT_TOPIC, heartbeat)
        if self.router_id:
            self.report()

    def report(self) -> None:
        """Publish the last sequence numbers of the jobs."""
        jobs = {job_id: len(events) - 1 for job_id, events in self.jobs.items()}
        self._publish(router_topic(self.router_id), JobReport(self.worker_id, self.read_up_to, jobs))

    def say(self, job_id: str, *payloads: Payload) -> None:
        """Record events and publish them in one step."""
        self.publish(self.record(job_id, *payloads))

    def record(self, job_id: str, *payloads: Payload) -> list[Event]:
        """Number events without publishing them, as if the bus had lost them."""
        events = self.jobs[job_id]
        new = [Event(job_id, len(events) + at, payload) for at, payload in enumerate(payloads)]
        events += new
        return new

    def publish(self, events: Iterable[Event]) -> None:
        """Publish events in one step, with any numbers."""
        self._publish(router_topic(self.router_id), Step(self.worker_id, list(events)))

    def echo(self, nonce: int) -> None:
        """Publish an answer to a probe."""
        self._publish(router_topic(self.router_id), ProbeEcho(self.worker_id, nonce, self.orphans))

    def send(self, message: Any) -> None:
        """Send a message, or raw bytes, on the jobs socket."""
        self._dealer.send(message if isinstance(message, bytes) else encode(message))
        self._reader.wake()

    def publish_roster(self, state: WorkerState, detail: str = "", worker_id: str | None = None) -> None:
        """Publish a roster with this worker, as the supervisor does."""
        status = WorkerStatus(self.name, "smol", worker_id or self.worker_id, state, 0, detail)
        self._publish(ROSTER_TOPIC, Roster([status]))

    def publish_all(self, roster: Roster) -> None:
        """Publish a roster, as the supervisor does."""
        self._publish(ROSTER_TOPIC, roster)

    def _publish(self, topic: bytes, message: Any) -> None:
        self._bus.send_multipart([topic, encode(message)])

    def _receive(self, frames: list[bytes]) -> None:
        message = ROUTER_MESSAGES.decode(frames[0])
        self.received.append(message)
        match message:
            case Probe():
                self.router_id = message.router_id
                if self.answers_probes:
                    self.echo(message.nonce)
            case ReportAnswer():
                self.read_up_to = max(self.read_up_to, message.submitted)
            case Submit():
                self.read_up_to = message.number
                self.works[message.job_id] = unpack(frames[1], message.seed)
                self.jobs.setdefault(message.job_id, [])
            case Cancel():
                self.jobs.pop(message.job_id, None)
            case Acknowledge():
                for job_id in message.job_ids:
                    self.jobs.pop(job_id, None)
            case Replay() if self.answers_replays:
                events = self.jobs.get(message.job_id)
                found = [] if events is None else events[message.first_seq :]
                self.send(Replayed(self.worker_id, message.job_id, events is not None, found))
