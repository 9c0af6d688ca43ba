from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.jobs.fairness.queue import FairQueue
from router.jobs.job import Job, JobRequest
from router.jobs.limits import UNLIMITED, Priority, UserLimits, UserTally
from shared.wire.jobs import TextJob
from shared.wire.payloads import Started, Tokens


def job_of(user: str, number: int = 0, max_tokens: int = 10, **request: Any) -> Job:
    wanted = JobRequest("request", user, "model", TextJob(prompt="", max_tokens=max_tokens))
    return Job(f"{user}-{number}", dataclasses.replace(wanted, **request))


def filled(*users: str) -> FairQueue:
    queue = FairQueue()
    for number, user in enumerate(users):
        queue.push(job_of(user, number))
    return queue


def pop(queue: FairQueue) -> Job:
    """Start the job whose turn it is."""
    job = queue.peek()
    assert job is not None
    queue.start(job)
    return job


def popped(queue: FairQueue) -> list[str]:
    return [pop(queue).job_id for _ in range(len(queue))]


def run_through(job: Job, tokens: int) -> None:
    """Let a job generate this many tokens."""
    job.deliver(Started(0, 0))
    job.deliver(Tokens("", list(range(tokens))))


def test_a_hundred_jobs_of_one_user_do_not_delay_another_users_single_job() -> None:
    queue = filled(*["busy"] * 100, "rare")
    assert popped(queue).index("rare-100") == 1


def test_each_users_jobs_are_counted_waiting_returned_and_running() -> None:
    queue = filled("anna", "anna", "bob", "carl")
    lost, bobs = pop(queue), pop(queue)
    assert (lost.request.user, bobs.request.user) == ("anna", "bob")
    queue.push(job_of("anna", 4, priority=Priority.BATCH))
    queue.push_front(lost)
    assert queue.count_by_user() == {"anna": (3, 0), "bob": (0, 1), "carl": (1, 0)}


def test_a_lost_job_that_waits_for_its_next_attempt_does_not_hold_up_others() -> None:
    queue = filled("lost", "other")
    lost = pop(queue)
    lost.retry_at_s = math.inf
    queue.push_front(lost)
    other = queue.peek()
    assert other is not None
    assert other.job_id == "other-1"
    queue.start(other)
    assert queue.peek() is None
    assert queue.would_be_next(job_of("new").request)
    lost.retry_at_s = 0.0
    assert queue.peek() is lost


def test_a_user_who_comes_while_anothers_first_job_runs_is_next_when_it_ends() -> None:
    queue = filled("busy", "busy", "busy")
    first = pop(queue)
    run_through(first, 10)
    queue.push(job_of("rare", 9))
    queue.finish(first)
    assert popped(queue) == ["rare-9", "busy-1", "busy-2"]


def test_users_take_turns_and_each_users_jobs_keep_their_order() -> None:
    assert popped(filled("a", "a", "a", "b", "b", "c")) == ["a-0", "b-3", "c-5", "a-1", "b-4", "a-2"]


def test_a_user_who_submits_again_at_once_does_not_overtake_waiting_users() -> None:
    queue = filled("a", "b", "c")
    pop(queue)
    queue.push(job_of("a", 9))
    assert popped(queue) == ["b-1", "c-2", "a-9"]


def test_a_job_pushed_to_the_front_is_the_next_one() -> None:
    queue = filled("a", "a", "b")
    job = pop(queue)
    queue.push_front(job)
    assert popped(queue) == ["a-0", "b-2", "a-1"]


def test_an_empty_queue_has_no_next_job() -> None:
    assert FairQueue().peek() is None


def test_users_share_tokens_not_requests() -> None:
    queue = FairQueue()
    for number in range(40):
        queue.push(job_of("long", number, max_tokens=90))
        queue.push(job_of("short", number, max_tokens=10))
    assert Counter(pop(queue).request.user for _ in range(40)) == {"short": 36, "long": 4}


@given(st.lists(st.integers(1, 500), min_size=30, max_size=30), st.lists(st.integers(1, 500), min_size=30, max_size=30))
def test_charges_of_two_users_with_enough_work_differ_by_at_most_two_jobs(ours: list[int], theirs: list[int]) -> None:
    queue = FairQueue()
    for user, sizes in (("a", ours), ("b", theirs)):
        for number, tokens in enumerate(sizes):
            queue.push(job_of(user, number, max_tokens=tokens))
    charged: Counter[str] = Counter()
    left = {"a": 30, "b": 30}
    while all(left.values()):
        job = pop(queue)
        left[job.request.user] -= 1
        charged[job.request.user] += int(job.charged_cost)
        assert abs(charged["a"] - charged["b"]) <= 2 * 2 * 500


def test_the_real_cost_of_a_job_counts_once_it_is_known() -> None:
    queue = FairQueue()
    for number in range(3):
        queue.push(job_of("talks", number))
        queue.push(job_of("short", number))
    talks, short = pop(queue), pop(queue)
    run_through(talks, 100)
    run_through(short, 1)
    queue.settle(talks)
    assert talks.charged_cost == 200
    queue.finish(short)
    assert short.charged_cost == 2
    assert [pop(queue).request.user for _ in range(3)] == ["short", "short", "talks"]


def test_nobody_saves_up_credit_while_away() -> None:
    queue = filled(*["busy"] * 60)
    for _ in range(40):
        pop(queue)
    for number in range(20):
        queue.push(job_of("late", number))
    first = [pop(queue).request.user for _ in range(20)]
    assert 9 <= first.count("late") <= 11


def test_a_user_with_nothing_running_goes_first_whatever_the_counters() -> None:
    queue = filled("busy", "busy", "rare")
    pop(queue)
    rare = pop(queue)
    run_through(rare, 1000)
    queue.finish(rare)
    queue.push(job_of("rare", 9))
    assert popped(queue) == ["rare-9", "busy-1"]


def test_batch_work_gets_a_small_share_and_is_not_starved() -> None:
    queue = FairQueue()
    for number in range(200):
        queue.push(job_of("night", number, priority=Priority.BATCH))
        queue.push(job_of("day", number))
    first = Counter(pop(queue).request.user for _ in range(110))
    assert first == {"day": 100, "night": 10}


def test_batch_work_of_many_users_gets_no_more_than_that_of_one() -> None:
    queue = FairQueue()
    for number in range(200):
        queue.push(job_of(f"night {number}", priority=Priority.BATCH))
        queue.push(job_of("day", number))
    first = Counter(pop(queue).request.priority for _ in range(110))
    assert first == {Priority.INTERACTIVE: 100, Priority.BATCH: 10}


def test_a_user_at_the_limit_of_running_jobs_is_skipped_until_one_ends() -> None:
    queue = FairQueue()
    limits = UserLimits(max_running=1)
    for number in range(2):
        queue.push(job_of("limited", number, limits=limits))
    queue.push(job_of("other"))
    first = pop(queue)
    assert pop(queue).job_id == "other-0"
    assert queue.peek() is None
    assert len(queue) == 1
    queue.finish(first)
    assert pop(queue).job_id == "limited-1"


def test_the_limit_of_running_jobs_counts_all_models_together() -> None:
    tally = UserTally()
    one, other = FairQueue(tally), FairQueue(tally)
    for queue in (one, other):
        queue.push(job_of("limited", limits=UserLimits(max_running=1)))
    running = pop(one)
    assert other.peek() is None
    one.finish(running)
    assert other.peek() is not None


def test_a_preempted_job_is_the_next_of_its_user_but_not_of_all() -> None:
    queue = filled("a", "a", "a", "b", "b")
    first, second = pop(queue), pop(queue)
    assert (first.request.user, second.request.user) == ("a", "b")
    third = pop(queue)
    assert third.job_id == "a-1"
    queue.push_preempted(third)
    assert queue.waiting_cost("a") == 2 * third.estimated_cost
    assert third.charged_cost == 0
    assert popped(queue) == ["a-1", "b-4", "a-2"]


def test_positions_count_turns() -> None:
    queue = filled("busy", "busy", "busy", "rare")
    jobs = {job.job_id: job for job in queue}
    assert [queue.position(jobs[name]) for name in ("busy-0", "rare-3", "busy-1", "busy-2")] == [1, 1, 3, 4]
    batch = job_of("night", priority=Priority.BATCH)
    queue.push(batch)
    assert queue.position(batch) == 5
    running = pop(queue)
    assert queue.position(running) == 0
    assert [queue.position(jobs[name]) for name in ("rare-3", "busy-1", "busy-2")] == [1, 2, 3]


def test_an_idle_queue_forgets_all_counters() -> None:
    queue = filled("a", "b")
    job = pop(queue)
    assert queue.remove(next(iter(queue)))
    assert not queue.idle
    queue.finish(job)
    assert queue.idle
    queue.push(job_of("a"))
    queue.push(job_of("b"))
    assert pop(queue).request.user == "a"  # both counters restart at 0


class QueueMachine(RuleBasedStateMachine):
    """Whatever happens, no job is lost or doubled, and a user's jobs keep their order."""

    @initialize()
    def begin(self) -> None:
        self.tally = UserTally()
        self.queue = FairQueue(self.tally)
        self.waiting: dict[tuple[str, Priority], list[Job]] = defaultdict(list)
        self.returned: list[Job] = []
        self.outside: list[Job] = []
        self.number = 0

    def line_of(self, job: Job) -> list[Job]:
        return self.waiting[job.request.user, job.request.priority]

    @rule(user=st.sampled_from("abc"), priority=st.sampled_from(Priority))
    def push(self, user: str, priority: Priority) -> None:
        self.number += 1
        limits = UNLIMITED if user != "a" else UserLimits(max_running=2)
        job = job_of(user, self.number, priority=priority, limits=limits)
        next_if_pushed = self.queue.would_be_next(job.request)
        self.queue.push(job)
        assert (self.queue.peek() is job) == next_if_pushed
        self.line_of(job).append(job)

    @rule()
    def pop(self) -> None:
        job = self.queue.peek()
        if job is None:
            mine = [job for job in self.outside if job.request.user == "a"]
            assert len(mine) >= 2 or not len(self.queue)
            assert all(job.request.user == "a" for job in self.queue)
            return
        assert pop(self.queue) is job
        line = self.returned or self.line_of(job)
        assert line.pop(0) is job
        self.outside.append(job)

    @precondition(lambda self: self.outside)
    @rule(data=st.data(), front=st.booleans())
    def come_back(self, data: st.DataObject, front: bool) -> None:
        job = data.draw(st.sampled_from(self.outside))
        self.outside.remove(job)
        if front:
            self.queue.push_front(job)
            self.returned.insert(0, job)
        else:
            self.queue.push_preempted(job)
            self.line_of(job).insert(0, job)

    @precondition(lambda self: self.outside)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.outside))
        assert not self.queue.remove(job)
        self.outside.remove(job)
        self.queue.finish(job)

    @precondition(lambda self: len(self.queue) > 0)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(list(self.queue)))
        assert self.queue.remove(job)
        (self.returned if job in self.returned else self.line_of(job)).remove(job)

    @invariant()
    def holds_the_same_jobs(self) -> None:
        expected = [*self.returned, *(job for line in self.waiting.values() for job in line)]
        assert set(self.queue) == set(expected)
        assert len(self.queue) == len(expected) == len(list(self.queue))
        assert self.queue.idle == (not expected and not self.outside)
        for user in "abc":
            assert self.tally.queued(user) == sum(job.request.user == user for job in expected)
            assert self.tally.running(user) == sum(job.request.user == user for job in self.outside)
        assert all(1 <= self.queue.position(job) <= len(expected) for job in expected)


TestQueueAgainstItsModel = QueueMachine.TestCase
TestQueueAgainstItsModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
