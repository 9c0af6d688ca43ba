from __future__ import annotations

import asyncio
import itertools

import pytest

from router.jobs.job import ENDED, JOB_MOVES, Job, JobRequest, JobState
from shared.states import IllegalMove
from shared.wire.jobs import TextJob
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, TokenLogprob, Tokens

DONE = Done(FinishReason.STOP, 3, 0, 2, 0.1)


def new_job() -> Job:
    return Job("job", JobRequest("request", "user", "model", TextJob(prompt="")))


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(JOB_MOVES) == set(JobState)
    reached, new = set[JobState](), {JobState.QUEUED}
    while new:
        reached |= new
        new = {move for state in new for move in JOB_MOVES[state]} - reached
    assert reached == set(JobState)


def test_the_ended_states_are_those_without_moves() -> None:
    assert {state for state, moves in JOB_MOVES.items() if not moves} == ENDED


def test_every_state_before_the_end_can_be_cancelled_and_can_fail() -> None:
    for state in set(JobState) - ENDED:
        assert {JobState.CANCELLED, JobState.FAILED} <= JOB_MOVES[state]


@pytest.mark.parametrize(("start", "target"), list(itertools.product(JobState, JobState)))
def test_a_move_is_made_if_it_is_in_the_table_and_raises_otherwise(start: JobState, target: JobState) -> None:
    job = new_job()
    job.state = start
    if target in JOB_MOVES[start]:
        job.move(target)
        assert job.state is target
        assert job.ended == (target in ENDED) == (job.ended_at_s is not None)
    else:
        with pytest.raises(IllegalMove, match=f"job job: no move from {start} to {target}"):
            job.move(target)
        assert job.state is start


def test_events_are_read_once_and_in_order() -> None:
    async def test() -> None:
        job = new_job()
        first: list[Payload] = [Started(3, 0), Tokens("a", [1, 2])]
        for payload in first:
            job.deliver(payload)
        assert await job.next_payloads() == first
        waiting = asyncio.ensure_future(job.next_payloads())
        await asyncio.sleep(0)
        assert not waiting.done()
        job.deliver(Tokens("b", [3]))
        assert await waiting == [Tokens("b", [3])]
        assert job.generated == [1, 2, 3]

    asyncio.run(test())


def test_the_last_events_are_read_before_the_empty_list_that_marks_the_end() -> None:
    async def test() -> None:
        job = new_job()
        job.move(JobState.DISPATCHED)
        job.move(JobState.DONE)
        job.deliver(DONE)
        assert await job.next_payloads() == [DONE]
        assert await job.next_payloads() == []
        assert job.done == DONE

    asyncio.run(test())


def test_the_reader_of_a_cancelled_job_is_woken_with_an_empty_list() -> None:
    async def test() -> None:
        job = new_job()
        waiting = asyncio.ensure_future(job.next_payloads())
        await asyncio.sleep(0)
        job.move(JobState.CANCELLED)
        job.wake()
        assert await waiting == []

    asyncio.run(test())


def test_a_reader_that_gives_up_loses_nothing() -> None:
    async def test() -> None:
        job = new_job()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.next_payloads(), 0.001)
        job.deliver(Failed(500, "no"))
        assert await job.next_payloads() == [Failed(500, "no")]

    asyncio.run(test())


def test_another_worker_resumes_after_the_log_probabilities_of_the_prompt_that_were_sent() -> None:
    job = new_job()
    rows = [TokenLogprob("a", b"a", None), TokenLogprob("b", b"b", -1.0)]
    for payload in (Tokens("ab", [], rows), Tokens("c", [], rows[:1]), Tokens("d", [7], rows[1:]), Tokens("e", [])):
        job.deliver(payload)
    assert job.delivered == 3
    assert job.generated == [7]


def test_workers_know_users_by_ids_that_never_change_and_do_not_name_them() -> None:
    def opaque_user(user: str) -> str:
        return JobRequest("request", user, "echo", TextJob(prompt="hello")).opaque_user

    assert opaque_user("alice") == opaque_user("alice") != opaque_user("bob")
    assert "alice" not in opaque_user("alice")
