from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import ImageJob, SpeechJob
from shared.wire.messages import Acknowledge, Cancel, Drain, EngineStats, Replay
from shared.wire.payloads import Done, Failed, Started, Tokens
from shared.wire.supervision import WorkerState
from shared.wire.transport import Endpoints
from tests.support.router.router_end import PATIENCE_S, RouterEnd
from workers.engine import EngineInfo
from workers.runtime import WorkerRuntime
from workers.testing.echo import EchoEngine

REPOSITORY = Path(__file__).parents[2]
SLOTS = 2


class RunningWorker(RouterEnd):
    """A worker process with the echo engine, and the router's end of its sockets."""

    def __init__(self, step_s: float) -> None:
        super().__init__()
        model = ModelSettings(name="echo", kinds=(JobKind.TEXT,), engine="echo", path="", slots=SLOTS, step_s=step_s)
        settings = ServerSettings(models=(model,), run_folder=str(self.folder))
        settings.save()
        arguments = ["--settings", str(settings.path), "--model", "echo", "--worker-name", "echo-0"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers", *arguments, "--worker-id", "worker"], cwd=REPOSITORY
        )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        super().close()


@pytest.fixture(scope="module")
def worker() -> Iterator[RunningWorker]:
    worker = RunningWorker(step_s=0.005)
    yield worker
    worker.close()


@pytest.fixture
def own_worker() -> Iterator[RunningWorker]:
    """A worker for one test, which ends it."""
    worker = RunningWorker(step_s=0.02)
    yield worker
    worker.close()


def test_a_loaded_worker_describes_itself(worker: RunningWorker) -> None:
    beat = worker.wait_for_heartbeat(lambda beat: beat.state is WorkerState.READY)
    assert (beat.worker_id, beat.worker_name, beat.model) == ("worker", "echo-0", "echo")
    assert (beat.pid, beat.slots, beat.device) == (worker.process.pid, SLOTS, "cpu")
    assert beat.context_tokens > 0
    assert beat.memory_bytes > 1 << 20
    assert beat.busy_s == 0.0


def test_a_job_starts_streams_and_ends_without_a_gap(worker: RunningWorker) -> None:
    worker.probe()
    worker.submit("whole", "one two three", max_tokens=4)
    events = worker.wait_for_end("whole")
    assert [event.seq for event in events] == list(range(6))
    started, *tokens, done = [event.payload for event in events]
    assert started == Started(3, 0)
    assert tokens == [Tokens("one ", [0]), Tokens("two ", [1]), Tokens("three ", [2]), Tokens("one ", [0])]
    assert isinstance(done, Done)
    assert done.completion_tokens == 4


def test_a_job_taken_over_continues_after_the_generated_tokens(worker: RunningWorker) -> None:
    worker.probe()
    worker.submit("taken over", "one two three four", max_tokens=4, generated=[0, 1])
    payloads = [event.payload for event in worker.wait_for_end("taken over")]
    assert "".join(payload.text for payload in payloads if isinstance(payload, Tokens)) == "three four "


def test_a_cancelled_job_frees_its_slot_and_emits_nothing_more(worker: RunningWorker) -> None:
    worker.probe()
    for number in range(SLOTS):
        worker.submit(f"endless-{number}", max_tokens=1_000_000)
    worker.submit("waits", max_tokens=1)
    worker.wait_until(lambda: all(worker.events[f"endless-{number}"] for number in range(SLOTS)))
    assert not worker.events["waits"]
    worker.send(Cancel("endless-0"))
    worker.wait_for_end("waits")
    said = len(worker.events["endless-0"])
    others = len(worker.events["endless-1"])
    worker.wait_until(lambda: len(worker.events["endless-1"]) > others + 5)
    assert len(worker.events["endless-0"]) == said
    worker.send(Cancel("endless-1"))
    worker.wait_for_heartbeat(lambda beat: beat.stats.running == 0)
    worker.wait_for_report(lambda report: "endless-1" not in report.jobs)


def runtime_of(engine: EchoEngine, device: str) -> WorkerRuntime:
    """A runtime that is not connected to anything."""
    endpoints = Endpoints("inproc://jobs", "inproc://bus", "inproc://supervisor", "inproc://control")
    return WorkerRuntime(engine, "worker", "echo/0", "echo", device, endpoints)


@pytest.mark.parametrize("thinks", [True, False])
def test_a_worker_tells_whether_its_model_thinks(thinks: bool) -> None:
    runtime = runtime_of(EchoEngine(), "cpu")
    assert not runtime._heartbeat().thinks
    runtime._loaded(EngineInfo(slots=SLOTS, context_tokens=1, thinks=thinks))
    assert runtime._heartbeat().thinks is thinks


def test_a_worker_tells_of_its_room_before_its_first_job(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, engine_stats = EchoEngine(), EngineStats(kv_total_tokens=4096)
    monkeypatch.setattr(engine, "stats", lambda: engine_stats)
    runtime = runtime_of(engine, "cpu")
    runtime._loaded(EngineInfo(slots=SLOTS, context_tokens=1))
    beat = runtime._heartbeat()
    assert (beat.state, beat.slots, beat.stats) == (WorkerState.READY, SLOTS, engine_stats)


@pytest.mark.parametrize("translates", [True, False])
def test_a_worker_tells_whether_its_model_translates(translates: bool) -> None:
    runtime = runtime_of(EchoEngine(), "cpu")
    runtime._loaded(EngineInfo(slots=SLOTS, context_tokens=1, translates=translates))
    assert runtime._heartbeat().translates is translates


@pytest.mark.parametrize(
    ("runs_on", "said"), [(None, "cuda:1"), ("cuda:1", "cuda:1"), ("cpu", "cpu"), ("vulkan:0", "vulkan:0")]
)
def test_a_worker_names_the_device_that_its_engine_runs_on(
    caplog: pytest.LogCaptureFixture, runs_on: str | None, said: str
) -> None:
    runtime = runtime_of(EchoEngine(), "cuda:1")
    runtime._loaded(EngineInfo(slots=SLOTS, context_tokens=1, device=runs_on))
    assert runtime._heartbeat().device == said
    warned = [record for record in caplog.records if "runs on the CPU" in record.getMessage()]
    assert [getattr(record, "gpu", "") for record in warned] == (["cuda:1"] if said == "cpu" else [])


def test_many_commands_leave_running_jobs_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled: list[str] = []
    engine = EchoEngine()
    monkeypatch.setattr(engine, "cancel", cancelled.append)
    monkeypatch.setattr("workers.runtime.MAX_COMMANDS_S", 0.0)
    runtime = runtime_of(engine, "cpu")
    for job_id in "abc":
        runtime._commands.put(Cancel(job_id))
    for carried_out in ("a", "ab", "abc", "abc"):
        runtime._take_commands(wait=False)
        assert cancelled == list(carried_out)


def test_a_job_that_the_engine_refuses_fails_with_its_message(worker: RunningWorker) -> None:
    worker.probe()
    worker.submit_work("picture", ImageJob("a cat"))
    (event,) = worker.wait_for_end("picture")
    assert event.payload == Failed(400, "the echo engine takes text, not image", "model")


def test_a_refused_job_leaves_the_others_running(worker: RunningWorker) -> None:
    worker.probe()
    worker.submit("good", max_tokens=20)
    worker.submit_work("bad", SpeechJob())
    worker.wait_for_end("bad")
    assert isinstance(worker.wait_for_end("good")[-1].payload, Done)


def test_a_busy_worker_reports_how_long_its_step_has_taken(worker: RunningWorker) -> None:
    worker.probe()
    worker.submit("busy", max_tokens=1_000_000)
    beat = worker.wait_for_heartbeat(lambda beat: beat.busy_s > 0)
    assert beat.busy_s < PATIENCE_S
    assert beat.stats.running == 1
    worker.send(Cancel("busy"))
    worker.wait_for_heartbeat(lambda beat: beat.busy_s == 0.0)


def test_a_drained_worker_finishes_what_runs_and_exits(own_worker: RunningWorker) -> None:
    own_worker.probe()
    for number in range(SLOTS + 1):
        own_worker.submit(f"job-{number}", max_tokens=20)
    own_worker.wait_until(lambda: own_worker.events["job-0"])
    own_worker.send(Drain())
    own_worker.wait_for_heartbeat(lambda beat: beat.state is WorkerState.DRAINING)
    for number in range(SLOTS + 1):
        assert [event.seq for event in own_worker.wait_for_end(f"job-{number}")] == list(range(22))
    assert own_worker.process.wait(PATIENCE_S) == 0


def test_an_idle_worker_is_drained_by_sigterm(own_worker: RunningWorker) -> None:
    own_worker.wait_for_heartbeat(lambda beat: beat.state is WorkerState.READY)
    own_worker.process.send_signal(signal.SIGTERM)
    assert own_worker.process.wait(PATIENCE_S) == 0


def test_a_drained_worker_replays_events_until_the_end_is_acknowledged(own_worker: RunningWorker) -> None:
    own_worker.probe()
    own_worker.submit("job", max_tokens=20)
    own_worker.send(Drain())
    own_worker.wait_for_end("job")
    own_worker.send(Replay("job", 0))
    own_worker.wait_until(lambda: own_worker.replays, "the replay")
    assert [event.seq for event in own_worker.replays[0].events] == list(range(22))
    own_worker.send(Acknowledge(["job"]))
    assert own_worker.process.wait(PATIENCE_S) == 0
