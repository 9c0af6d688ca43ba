"""The threads that prepare jobs: their stacks, their turns, and what slow jobs cost others."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.constraint import TokenConstraint
from workers.text.lanes import NeedsTime, PreparationLanes
from workers.text.sandbox.attempt import Limits, PreparationAttempt

DEPTH = 3000
RULES = "".join(f'r{number} ::= r{number + 1} "x"\n' for number in range(DEPTH))
DEFINITIONS: dict[str, Any] = {
    str(number): {"type": "object", "properties": {"x": {"$ref": f"#/$defs/{number + 1}"}}} for number in range(DEPTH)
}


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint(ConstraintKind.GRAMMAR, f'root ::= r0\n{RULES}r{DEPTH} ::= "a"', "grammar"),
        Constraint(ConstraintKind.GRAMMAR, f'root ::= r0\n{RULES}r{DEPTH} ::= "a" | r0', "grammar"),
        Constraint(
            ConstraintKind.JSON_SCHEMA,
            {"$ref": "#/$defs/0", "$defs": {**DEFINITIONS, str(DEPTH): {"type": "integer"}}},
        ),
    ],
    ids=["rules in a chain", "rules in a cycle", "references of a schema"],
)
def test_a_deep_grammar_can_be_compiled(constraint: Constraint, compiler: GrammarCompiler) -> None:
    """With the usual stack each of them ends the process."""
    lanes = PreparationLanes[TokenConstraint](Limits(cpu_s=5.0, memory_bytes=0))
    compiled = lanes.submit("job", ("anna", 1.0), lambda attempt: compiler.compile(constraint)).result()
    lanes.close()
    assert compiled.allowed().any()


def test_other_threads_have_the_usual_stack() -> None:
    before = threading.stack_size()
    PreparationLanes[int](Limits(cpu_s=5.0, memory_bytes=0)).close()
    assert threading.stack_size() == before


def waits(attempt: PreparationAttempt) -> str:
    """Quick attempts do not suffice; others last until they are cancelled."""
    if attempt.is_quick:
        raise NeedsTime(b"a")
    ended = threading.Event()
    with attempt.killed_by(ended.set):
        ended.wait()
    return "done"


@pytest.fixture
def lanes() -> Iterator[PreparationLanes[str]]:
    opened = PreparationLanes[str](Limits(cpu_s=5.0, memory_bytes=0))
    yield opened
    opened.close()


def test_jobs_without_a_grammar_do_not_wait_for_grammars(lanes: PreparationLanes[str]) -> None:
    began, ended = threading.Semaphore(0), threading.Event()

    def compile_it(attempt: PreparationAttempt) -> str:
        began.release()
        ended.wait()
        return "compiled"

    compiled = [lanes.submit(f"job {n}", (f"user {n}", 1.0), compile_it, takes_long=True) for n in range(5)]
    for _ in range(2):
        began.acquire()
    try:
        assert lanes.submit("plain", ("anna", 1.0), lambda attempt: "plain").result(timeout=10) == "plain"
    finally:
        ended.set()
    assert [future.result() for future in compiled] == ["compiled"] * 5


def test_quick_jobs_do_not_wait_for_slow_ones(lanes: PreparationLanes[str]) -> None:
    slow = [lanes.submit(f"slow {n}", (f"user {n}", 1.0), waits) for n in range(5)]
    quick = [lanes.submit(f"quick {n}", (user, 1.0), lambda attempt: "quick") for n, user in enumerate(("user 0", "b"))]
    assert [future.result() for future in quick] == ["quick", "quick"]
    assert not any(future.done() for future in slow)


def test_a_cancelled_job_ends_also_while_it_is_prepared(lanes: PreparationLanes[str]) -> None:
    running = lanes.submit("running", ("anna", 1.0), waits)
    waiting = lanes.submit("waiting", ("anna", 1.0), waits)
    lanes.cancel("waiting")
    lanes.cancel("running")
    last = lanes.submit("last", ("anna", 1.0), lambda attempt: "last")
    assert last.result() == "last"
    for future in (running, waiting):
        with pytest.raises(CancelledError):
            future.result()


def test_a_user_has_few_slow_jobs_at_a_time(lanes: PreparationLanes[str]) -> None:
    def needs(key: bytes) -> Callable[[PreparationAttempt], str]:
        def prepare(attempt: PreparationAttempt) -> str:
            if attempt.is_quick:
                raise NeedsTime(key)
            return waits(attempt)

        return prepare

    for number, key in enumerate((b"a", b"a", b"b")):
        lanes.submit(f"job {number}", ("anna", 1.0), needs(key))
    refused = lanes.submit("refused", ("anna", 1.0), needs(b"c")).exception()
    assert isinstance(refused, JobError)
    assert (refused.failed.status, refused.failed.code) == (429, "slow_preparation")
    assert "expected at most 2 requests of one user that take over 0.5 s to prepare" in refused.failed.message
    other = lanes.submit("other", ("berta", 1.0), lambda attempt: needs(b"d")(attempt) if attempt.is_quick else "done")
    assert other.result() == "done"


def test_a_slow_job_waits_seconds_at_most(lanes: PreparationLanes[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.text.lanes.MAX_SLOW_WAIT_S", 0.0)
    begun = threading.Event()

    def first(attempt: PreparationAttempt) -> str:
        if not attempt.is_quick:
            begun.set()
        return waits(attempt)

    lanes.submit("first", ("anna", 1.0), first)
    begun.wait()
    second = lanes.submit("second", ("anna", 1.0), waits)
    lanes.submit("after", ("anna", 1.0), lambda attempt: "after").result()  # so the second has had its quick attempt
    lanes.expire()
    refused = second.exception()
    assert isinstance(refused, JobError)
    assert refused.failed.status == 429


def test_threads_without_work_keep_nothing_of_the_last_job(lanes: PreparationLanes[str]) -> None:
    class Request:
        pass

    def submit(number: int) -> weakref.ref[Request]:
        request = Request()
        future = lanes.submit(f"job {number}", ("anna", 1.0), lambda attempt: repr(request))
        future.result()
        return weakref.ref(request)

    requests = [submit(number) for number in range(4)]
    while len(vars(lanes._changed)["_waiters"]) < len(lanes._threads):
        pass
    assert [request() for request in requests] == [None] * 4


def test_an_error_is_its_jobs_own(lanes: PreparationLanes[str]) -> None:
    def fail(attempt: PreparationAttempt) -> str:
        raise ValueError("a schema")

    failed = lanes.submit("failed", ("anna", 1.0), fail)
    after = lanes.submit("after", ("anna", 1.0), lambda attempt: "after")
    assert isinstance(failed.exception(), ValueError)
    assert after.result() == "after"


def test_files_delay_no_grammars() -> None:
    lanes = PreparationLanes[bool](Limits(cpu_s=5.0, memory_bytes=0))
    may_end = threading.Event()
    files = [
        lanes.submit(f"files {n}", (f"user {n}", 1.0), lambda _: may_end.wait(20), reads_files=True) for n in range(3)
    ]
    assert lanes.submit("grammar", ("user 0", 1.0), lambda _: True, takes_long=True).result(20)
    may_end.set()
    assert all(future.result(20) for future in files)
    lanes.close()
