from __future__ import annotations

from shared.wire.supervision import WORKER_MOVES, WorkerState


def test_every_state_of_a_worker_is_in_the_table_and_can_be_reached() -> None:
    assert set(WORKER_MOVES) == set(WorkerState)
    reached, new = set[WorkerState](), {WorkerState.SPAWNING}
    while new:
        reached |= new
        new = {move for state in new for move in WORKER_MOVES[state]} - reached
    assert reached == set(WorkerState)


def test_a_worker_that_was_given_up_or_taken_out_can_only_be_started_afresh() -> None:
    rises = {WorkerState.SPAWNING, WorkerState.UNLOADED}
    assert WORKER_MOVES[WorkerState.FAILED] == WORKER_MOVES[WorkerState.DRAINED] == rises


def test_a_worker_takes_jobs_only_after_loading_and_none_after_draining() -> None:
    assert {state for state, moves in WORKER_MOVES.items() if WorkerState.READY in moves} == {WorkerState.LOADING}
    assert WORKER_MOVES[WorkerState.DRAINING] == {WorkerState.EXITED}
