from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.jobs.job import Job, JobRequest
from router.jobs.queue import FairQueue
from shared.jobs import TextJob


def job_of(user: str, number: int = 0) -> Job:
    return Job(f"{user}-{number}", JobRequest("request", user, "model", TextJob(prompt="")))


def filled(*users: str) -> FairQueue:
    queue = FairQueue()
    for number, user in enumerate(users):
        queue.push(job_of(user, number))
    return queue


def popped(queue: FairQueue) -> list[str]:
    return [queue.pop().job_id for _ in range(len(queue))]


def test_a_hundred_jobs_of_one_user_do_not_delay_the_one_of_another() -> None:
    queue = filled(*["busy"] * 100, "rare")
    assert popped(queue).index("rare-100") == 1


def test_users_take_turns_each_in_the_order_of_their_own_jobs() -> None:
    assert popped(filled("a", "a", "a", "b", "b", "c")) == ["a-0", "b-3", "c-5", "a-1", "b-4", "a-2"]


def test_a_user_who_comes_back_at_once_does_not_overtake_those_who_wait() -> None:
    queue = filled("a", "b", "c")
    queue.pop()
    queue.push(job_of("a", 9))
    assert popped(queue) == ["b-1", "c-2", "a-9"]


def test_a_job_that_is_put_back_is_the_next_one() -> None:
    queue = filled("a", "a", "b")
    job = queue.pop()
    queue.push_front(job)
    assert popped(queue) == ["a-0", "b-2", "a-1"]


def test_an_empty_queue_has_no_next_job() -> None:
    with pytest.raises(IndexError, match="no job waits"):
        FairQueue().pop()


class QueueMachine(RuleBasedStateMachine):
    """The queue against a list of users in turn, each with a list of jobs."""

    @initialize()
    def begin(self) -> None:
        self.queue = FairQueue()
        self.turns: list[tuple[str, list[Job]]] = []
        self.number = 0
        self.outside: list[Job] = []

    def jobs_of(self, user: str) -> list[Job] | None:
        return next((jobs for name, jobs in self.turns if name == user), None)

    @rule(user=st.sampled_from("abc"))
    def push(self, user: str) -> None:
        self.number += 1
        job = job_of(user, self.number)
        self.queue.push(job)
        jobs = self.jobs_of(user)
        if jobs is None:
            self.turns.append((user, [job]))
        else:
            jobs.append(job)

    @precondition(lambda self: self.turns)
    @rule()
    def pop(self) -> None:
        user, jobs = self.turns.pop(0)
        assert self.queue.pop() is jobs[0]
        self.outside.append(jobs.pop(0))
        if jobs:
            self.turns.append((user, jobs))

    @precondition(lambda self: self.outside)
    @rule()
    def put_back(self) -> None:
        job = self.outside.pop()
        self.queue.push_front(job)
        user = job.request.user
        jobs = self.jobs_of(user) or []
        self.turns = [(user, [job, *jobs]), *[turn for turn in self.turns if turn[0] != user]]

    @precondition(lambda self: self.turns)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        _, jobs = data.draw(st.sampled_from(self.turns))
        job = data.draw(st.sampled_from(jobs))
        assert self.queue.remove(job)
        jobs.remove(job)
        self.turns = [turn for turn in self.turns if turn[1]]

    @precondition(lambda self: self.outside)
    @rule()
    def remove_what_is_not_there(self) -> None:
        assert not self.queue.remove(self.outside[-1])

    @invariant()
    def holds_the_same_jobs(self) -> None:
        expected = [job for _, jobs in self.turns for job in jobs]
        assert list(self.queue) == expected
        assert len(self.queue) == len(expected)


TestQueueAgainstItsModel = QueueMachine.TestCase
TestQueueAgainstItsModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
