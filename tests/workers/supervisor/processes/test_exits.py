from __future__ import annotations

import signal

import pytest

from workers.supervisor.processes.exits import MemoryFigures, explain_exit, found_too_little_memory, is_hopeless

GIB = 1024**3
MEMORY = MemoryFigures(held_bytes=3 * GIB, available_bytes=GIB // 2, total_bytes=8 * GIB)


@pytest.mark.parametrize(
    ("code", "loading", "words"),
    [
        (0, False, ["exited with code 0"]),
        (3, True, ["the model cannot be loaded"]),
        (4, False, ["exited to stop a cancelled request"]),
        (7, False, ["exited with code 7"]),
        (-signal.SIGABRT, True, ["SIGABRT", "of a format that the engine does not support"]),
        (-signal.SIGILL, False, ["SIGILL", "another CPU", "-DGGML_NATIVE=OFF"]),
        (-signal.SIGKILL, False, ["SIGKILL", "out of memory", "held 3.0 GiB", "0.5 GiB of 8.0 GiB"]),
        (-signal.SIGSEGV, True, ["SIGSEGV", "model file is probably damaged"]),
        (-signal.SIGSEGV, False, ["SIGSEGV", "engine crashed"]),
        (-signal.SIGTERM, False, ["SIGTERM"]),
        (-250, False, ["signal 250"]),
    ],
)
def test_an_exit_is_explained(code: int, loading: bool, words: list[str]) -> None:
    explained = explain_exit(code, loading, MEMORY)
    assert [word for word in words if word not in explained] == []


@pytest.mark.parametrize(("kills", "starved"), [(None, True), (1, True), (0, False)])
def test_only_where_the_system_may_have_killed_for_memory_a_death_is_blamed_on_it(
    kills: int | None, starved: bool
) -> None:
    explained = explain_exit(-signal.SIGKILL, True, MEMORY, kills)
    assert ("probably out of memory" in explained) == starved
    assert ("by hand" in explained) == (kills is None)
    assert found_too_little_memory(-signal.SIGKILL, [], killed=False, kills=kills) == starved
    assert not found_too_little_memory(-signal.SIGKILL, [], killed=True, kills=kills)


def test_only_a_refused_model_and_native_crashes_are_hopeless_at_the_first_load() -> None:
    assert [code for code in range(-64, 10) if is_hopeless(code)] == sorted(
        [-signal.SIGSEGV, -signal.SIGFPE, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, 3, 5]
    )


def test_memory_figures_of_this_machine_are_sound() -> None:
    memory = MemoryFigures.now(held_bytes=5)
    assert memory.held_bytes == 5
    assert 0 < memory.available_bytes <= memory.total_bytes


def test_what_was_never_heard_of_is_not_said_to_hold_nothing() -> None:
    assert "held" not in str(MemoryFigures(0, GIB, 2 * GIB))
