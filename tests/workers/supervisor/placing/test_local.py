from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

import workers.supervisor.placing.memory_kills
from shared import exit_codes
from shared.devices import DeviceAssignment
from shared.wire.messages import EngineStats, Heartbeat
from shared.wire.supervision import WorkerState
from workers.supervisor.placing.local import LocalPlacer, LocalWorker
from workers.supervisor.placing.placer import Exit, PlacementError, WorkerSpec
from workers.supervisor.processes.process import Command

SPEC = WorkerSpec("m", "m/0", "m/0.1")
GIB = 1024**3


async def place(*arguments: str) -> LocalWorker:
    def command(spec: WorkerSpec, assignment: DeviceAssignment) -> Command:
        return Command(arguments, os.environ)

    return await LocalPlacer(command, {"m/0": DeviceAssignment((2,), 1)}, lambda name, line: None).place(SPEC)


async def exit_of(program: str, *heartbeats: Heartbeat) -> tuple[Exit, LocalWorker]:
    worker = await place(sys.executable, "-c", program)
    for heartbeat in heartbeats:
        worker.observe(heartbeat)
    return await worker.wait(), worker


def beat(state: WorkerState) -> Heartbeat:
    return Heartbeat("m/0.1", "m/0", "m", 1, "cuda:2", state, 1.0, 1, 1, 3 * GIB, 0.0, EngineStats(), 0.0)


def test_a_worker_runs_on_its_device_and_its_output_is_kept() -> None:
    exit_, worker = asyncio.run(exit_of("print('loading'); print('no such tensor')"))
    assert worker.location == "cuda:2"
    assert worker.last_lines == ["loading", "no such tensor"]
    assert exit_.reason == "exited with code 0"


def test_exit_codes_become_flags() -> None:
    refused, _ = asyncio.run(exit_of(f"raise SystemExit({exit_codes.CANNOT_LOAD})"))
    replaced, _ = asyncio.run(exit_of(f"raise SystemExit({exit_codes.REPLACE})"))
    assert (refused.hopeless, refused.replace) == (True, False)
    assert (replaced.hopeless, replaced.replace) == (False, True)


def test_a_crash_is_explained_by_what_the_worker_did_last() -> None:
    crash = f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"
    loading, _ = asyncio.run(exit_of(crash, beat(WorkerState.LOADING)))
    serving, _ = asyncio.run(exit_of(crash, beat(WorkerState.LOADING), beat(WorkerState.READY)))
    assert "model file is probably damaged" in loading.reason
    assert "the engine crashed" in serving.reason


def test_a_killed_worker_is_explained_by_the_memory_that_it_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.supervisor.placing.memory_kills, "memory_kills", lambda: None)
    killed, _ = asyncio.run(exit_of(f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})", beat(WorkerState.READY)))
    assert "it held 3.0 GiB" in killed.reason


def test_a_program_that_does_not_exist_cannot_be_placed() -> None:
    with pytest.raises(PlacementError, match="No such file"):
        asyncio.run(place("/no/such/program"))


def test_a_worker_whose_planned_gpu_is_gone_cannot_be_placed() -> None:
    def command(spec: WorkerSpec, assignment: DeviceAssignment) -> Command:
        return Command([sys.executable, "-c", ""], os.environ)

    settings = b'{"name": "m", "kinds": ["text"], "engine": "echo", "path": ""}'
    spec = WorkerSpec("m", "m/0", "m/0.1", settings, {"cpu": 1, "cuda:77": 1})
    with pytest.raises(PlacementError, match="cuda:77 is not there"):
        asyncio.run(LocalPlacer(command, {}, lambda name, line: None).place(spec))


def test_a_worker_that_finds_too_little_memory_says_so_by_its_code_its_words_or_its_death() -> None:
    code, _ = asyncio.run(exit_of(f"raise SystemExit({exit_codes.OUT_OF_MEMORY})"))
    assert (code.out_of_memory, code.hopeless) == (True, True)
    assert code.reason == "not enough memory for the model"
    abort = f"import os; os.kill(os.getpid(), {int(signal.SIGABRT)})"
    words, _ = asyncio.run(exit_of(f"print('what():  std::bad_alloc', flush=True); {abort}", beat(WorkerState.LOADING)))
    assert words.out_of_memory
    crash, _ = asyncio.run(exit_of(f"print('GGML_ASSERT failed', flush=True); {abort}", beat(WorkerState.LOADING)))
    assert not crash.out_of_memory


@pytest.mark.parametrize(
    ("counts", "starved"), [((4, 5), True), ((4, 4), False), ((None, None), True), ((None, 3), True), ((3, None), True)]
)
def test_a_worker_that_is_killed_found_too_little_memory_unless_the_system_has_killed_nothing_for_that(
    counts: tuple[int | None, int | None], starved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = iter(counts)
    monkeypatch.setattr(workers.supervisor.placing.memory_kills, "memory_kills", lambda: next(reading))
    killed, _ = asyncio.run(exit_of(f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"))
    assert (killed.out_of_memory, killed.from_outside) == (starved, not starved)
