from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.supervision import WORKER_MOVES, WorkerState
from workers.supervisor.replicas.restarts import RestartPolicy


def test_delays_double_from_a_fifth_of_a_second_to_one_second() -> None:
    policy = RestartPolicy()
    delays = [policy.next_delay_s(ready_s=1.0) for _ in range(8)]
    assert delays == pytest.approx([0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0])


def test_half_a_minute_of_healthy_life_resets_the_delay() -> None:
    policy = RestartPolicy()
    for _ in range(5):
        policy.next_delay_s(ready_s=1.0)
    assert policy.next_delay_s(ready_s=30.0) == pytest.approx(0.2)
    assert policy.next_delay_s(ready_s=1.0) == pytest.approx(0.4)


def test_the_fifth_start_in_a_row_that_fails_is_the_last() -> None:
    policy = RestartPolicy()
    assert [policy.next_delay_s(ready_s=None) is None for _ in range(5)] == [False] * 4 + [True]


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=40))
def test_restarting_is_given_up_only_after_five_failed_starts_in_a_row(lives: list[float | None]) -> None:
    policy = RestartPolicy()
    for index, ready_s in enumerate(lives):
        gave_up = policy.next_delay_s(ready_s) is None
        assert gave_up == (index >= 4 and lives[index - 4 : index + 1] == [None] * 5)
        if gave_up:
            return


def test_what_does_not_run_can_only_be_started_again_and_all_else_can_exit() -> None:
    at_rest = {WorkerState.DRAINED, WorkerState.FAILED, WorkerState.UNLOADED}
    for state in at_rest:
        assert WORKER_MOVES[state] - {WorkerState.UNLOADED} == {WorkerState.SPAWNING}
    for state in set(WorkerState) - at_rest - {WorkerState.EXITED}:
        assert WorkerState.EXITED in WORKER_MOVES[state]
