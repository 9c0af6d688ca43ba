"""The router's end of the wire, played by hand: a ROUTER and a SUB socket over ``ipc://``."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from shared.wire.codec import encode
from shared.wire.jobs import TextJob, Work
from shared.wire.messages import (
    BUS_MESSAGES,
    HEARTBEAT_TOPIC,
    REPLAYS,
    Event,
    Heartbeat,
    JobReport,
    Probe,
    ProbeEcho,
    Replayed,
    RouterMessage,
    Step,
    Submit,
    router_topic,
)
from shared.wire.payloads import Done, Failed
from shared.wire.transport import Endpoints, open_socket

PATIENCE_S = 20.0


class RouterEnd:
    """Sends what a test says and keeps what comes back, in the order of arrival."""

    def __init__(self, router_id: str = "run-1") -> None:
        self.router_id = router_id
        self.folder = Path(tempfile.mkdtemp(prefix="nx"))  # pytest's folders are too long for Unix sockets
        self.endpoints = Endpoints.in_folder(self.folder)
        self.submitted = 0
        self.heartbeats: list[Heartbeat] = []
        self.reports: list[JobReport] = []
        self.echoes: list[ProbeEcho] = []
        self.replays: list[Replayed] = []
        self.steps: list[Step] = []
        self.events: defaultdict[str, list[Event]] = defaultdict(list)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._jobs = open_socket(self._context, zmq.ROUTER)
        self._jobs.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._jobs.bind(self.endpoints.jobs)
        self._bus = open_socket(self._context, zmq.SUB)
        self._bus.setsockopt(zmq.SUBSCRIBE, HEARTBEAT_TOPIC)
        self._bus.setsockopt(zmq.SUBSCRIBE, router_topic(router_id))
        self._bus.bind(self.endpoints.router_bus)
        self._poller = zmq.Poller()
        self._poller.register(self._jobs, zmq.POLLIN)
        self._poller.register(self._bus, zmq.POLLIN)

    def close(self) -> None:
        """Close the sockets and remove the folder."""
        self._context.destroy(linger=0)
        shutil.rmtree(self.folder)

    def listen_as(self, router_id: str) -> None:
        """Go on as another run of the router, which does not hear what is meant for the earlier one."""
        self._bus.setsockopt(zmq.UNSUBSCRIBE, router_topic(self.router_id))
        self._bus.setsockopt(zmq.SUBSCRIBE, router_topic(router_id))
        self.router_id = router_id

    def send(self, message: RouterMessage, *blobs: bytes, worker_id: str = "worker") -> None:
        """Send one message to a worker, once it is connected."""
        self.send_raw(encode(message), *blobs, worker_id=worker_id)

    def send_raw(self, *frames: bytes, worker_id: str = "worker") -> None:
        """Send frames as they are."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._jobs.send_multipart([worker_id.encode(), *frames])
                return
            except zmq.ZMQError:
                assert time.monotonic() < deadline_s, f"{worker_id} does not connect"
                self.read(0.02)

    def submit(
        self, job_id: str, prompt: str = "a b c", max_tokens: int = 3, generated: list[int] | None = None
    ) -> None:
        """Send a text job."""
        self.submit_work(job_id, TextJob(prompt=prompt, max_tokens=max_tokens), generated=generated or [])

    def submit_work(self, job_id: str, work: Work, *blobs: bytes, **fields: Any) -> Submit:
        """Send a job; returns what was sent before its work."""
        submit = Submit(job_id, self.router_id, self.next_number(), **fields)
        self.send(submit, encode(work), *blobs)
        return submit

    def next_number(self) -> int:
        """The number of the next submission."""
        self.submitted += 1
        return self.submitted

    def probe(self, router_name: str = "router") -> None:
        """Probe until an echo comes back: from then on nothing that is published is lost."""
        nonce = secrets.randbits(32)
        deadline_s = time.monotonic() + PATIENCE_S
        while not any(echo.nonce == nonce for echo in self.echoes):
            assert time.monotonic() < deadline_s, "no probe comes back"
            self.send(Probe(router_name, self.router_id, nonce))
            self.read(0.05)

    def read(self, timeout_s: float) -> None:
        """Take in what has arrived, waiting for something at most so long."""
        for sock, _ in self._poller.poll(int(timeout_s * 1000)):
            frames = sock.recv_multipart()
            self._sort((REPLAYS if sock is self._jobs else BUS_MESSAGES).decode(frames[1]))

    def wait_until(self, condition: Callable[[], Any], what: str = "it") -> None:
        """Read until ``condition`` holds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, f"{what} did not happen within {PATIENCE_S} s"
            self.read(0.05)

    def wait_for_end(self, job_id: str) -> list[Event]:
        """All events of a job, up to its end."""
        self.wait_until(lambda: self.ended(job_id), f"the end of {job_id}")
        return self.events[job_id]

    def wait_for_heartbeat(self, condition: Callable[[Heartbeat], Any], count: int = 1) -> Heartbeat:
        """The first of the heartbeats after this moment that fulfils ``condition`` (the ``count``-th, if given)."""
        seen = len(self.heartbeats)
        self.wait_until(lambda: sum(bool(condition(beat)) for beat in self.heartbeats[seen:]) >= count, "a heartbeat")
        return [beat for beat in self.heartbeats[seen:] if condition(beat)][count - 1]

    def wait_for_report(self, condition: Callable[[JobReport], Any]) -> JobReport:
        """The first of the reports after this moment that fulfils ``condition``."""
        seen = len(self.reports)
        self.wait_until(lambda: any(condition(report) for report in self.reports[seen:]), "a report")
        return next(report for report in self.reports[seen:] if condition(report))

    def ended(self, job_id: str) -> bool:
        """Whether a job's last event has come."""
        events = self.events[job_id]
        return bool(events) and isinstance(events[-1].payload, Done | Failed)

    def _sort(self, message: Any) -> None:
        match message:
            case Heartbeat():
                self.heartbeats.append(message)
            case JobReport():
                self.reports.append(message)
            case ProbeEcho():
                self.echoes.append(message)
            case Replayed():
                self.replays.append(message)
            case Step():
                self.steps.append(message)
                for event in message.events:
                    self.events[event.job_id].append(event)
