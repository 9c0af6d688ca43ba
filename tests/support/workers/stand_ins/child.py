"""A child for the supervisor's tests: it acts as a worker or a router and exits as its BEHAVIOUR says.

    child.py ROLE BEHAVIOUR RUN_FOLDER [NAME WORKER_ID]

Each run appends its pid to ``RUN_FOLDER/ROLE.pids`` and what it does to ``RUN_FOLDER/story``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import zmq

from shared import exit_codes
from shared.parent import die_with_parent
from shared.wire.codec import encode
from shared.wire.messages import BUS_MESSAGES, HEARTBEAT_TOPIC, ROSTER_TOPIC, EngineStats, Heartbeat
from shared.wire.supervision import Roster, RouterAlive, WorkerState
from shared.wire.transport import Endpoints, open_socket

BEAT_S = 0.05


class StandInWorker:
    """Sends heartbeats as ``behaviour`` says until SIGTERM."""

    def __init__(self, behaviour: str, folder: Path, name: str, worker_id: str) -> None:
        self.behaviour, self.folder, self.name, self.worker_id = behaviour, folder, name, worker_id
        self.ended = False
        self.bus = open_socket(zmq.Context(), zmq.PUB)
        self.bus.connect(Endpoints.in_folder(folder).supervisor_bus)

    def run(self) -> int:
        if self.behaviour != "stubborn":
            signal.signal(signal.SIGTERM, self._end)
        else:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.behaviour == "cannot-load":
            print("no such tensor", file=sys.stderr)
            return 3
        if self.behaviour.startswith("exit:"):
            return int(self.behaviour[5:])
        if self.behaviour.startswith("signal:"):
            os.kill(os.getpid(), int(self.behaviour[7:]))
        started_at_s = time.monotonic()
        while not self.ended:
            age_s = time.monotonic() - started_at_s
            if self.behaviour != "silent" or age_s < 1.0:
                self._beat(age_s)
            if self.behaviour == "dies-when-ready" and age_s > 0.5:
                return 7
            if self.behaviour == "asks-to-be-replaced" and age_s > 0.5:
                return exit_codes.REPLACE
            time.sleep(BEAT_S)
        record(self.folder, f"{self.name} drained")
        return 0

    def _end(self, *_: object) -> None:
        self.ended = True

    def _beat(self, age_s: float) -> None:
        state = WorkerState.READY if age_s > 0.2 else WorkerState.LOADING
        busy_s = 100.0 if self.behaviour == "busy" else 0.0
        place = (self.worker_id, self.name, "m", os.getpid(), "cpu", state, 1.0)
        beat = Heartbeat(*place, 1, 1, 1, busy_s, EngineStats(), time.monotonic())
        self.bus.send_multipart([HEARTBEAT_TOPIC, encode(beat)])


def run_router(behaviour: str, folder: Path) -> int:
    if behaviour == "crash":
        print("cannot import something", file=sys.stderr)
        return 1

    def end(*_: object) -> None:
        record(folder, "router drained")
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    if behaviour == "answers":
        answer_rosters(folder)
    while True:
        signal.pause()


def answer_rosters(folder: Path) -> None:
    """Do what the supervisor expects of a router that does not hang."""
    endpoints, context = Endpoints.in_folder(folder), zmq.Context()
    bus, control = open_socket(context, zmq.SUB), open_socket(context, zmq.PUSH)
    bus.subscribe(ROSTER_TOPIC)
    bus.bind(endpoints.router_bus)
    control.connect(endpoints.control)
    while True:
        roster = BUS_MESSAGES.decode(bus.recv_multipart()[1])
        assert isinstance(roster, Roster)
        ready = all(worker.state is WorkerState.READY for worker in roster.workers)
        control.send(encode(RouterAlive(os.getpid(), ready)))


def record(folder: Path, line: str) -> None:
    with (folder / "story").open("a") as story:
        story.write(line + "\n")


def main() -> int:
    role, behaviour, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    die_with_parent()
    with (folder / f"{role}.pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    return run_router(behaviour, folder) if role == "router" else StandInWorker(behaviour, folder, *sys.argv[4:6]).run()


if __name__ == "__main__":
    sys.exit(main())
