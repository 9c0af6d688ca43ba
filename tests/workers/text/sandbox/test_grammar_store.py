"""Grammars that are compiled in the sandbox and kept, and refusals that are kept."""

from __future__ import annotations

import gc
import weakref
from unittest.mock import Mock

import pytest

from shared.wire.payloads import JobError
from tests.support.workers.sandbox_tasks import LIMITS, LITTLE_TIME, PATTERNS, schema
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.grammars import GrammarStore
from workers.text.lanes import NeedsTime
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.sandbox import Limit, LimitExceeded, Sandbox


@pytest.fixture
def store(sandbox: Sandbox, compiler: GrammarCompiler) -> GrammarStore:
    return GrammarStore(sandbox, compiler)


def test_a_grammar_is_compiled_once(store: GrammarStore) -> None:
    first = store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
    again = store.constraint(schema({"type": "integer"}), PreparationAttempt(Limits(0.0, 0)))
    assert again.grammar is first.grammar
    assert first.grammar.closing is not None
    assert first.grammar.memory_bytes > 0


def test_a_wrong_schema_is_refused_with_its_reason_each_time(store: GrammarStore) -> None:
    for _ in range(2):
        with pytest.raises(JobError, match="poem") as refused:
            store.constraint(schema({"type": "poem"}), PreparationAttempt(LIMITS))
        assert (refused.value.failed.status, refused.value.failed.param) == (400, "response_format")


def test_a_schema_beyond_a_limit_is_a_400_that_names_it(store: GrammarStore) -> None:
    expected = r"^response_format: expected at most 0.1 s of CPU time to compile it \(--compile-time-s\), got more$"
    with pytest.raises(JobError, match=expected) as refused:
        store.constraint(schema(PATTERNS), PreparationAttempt(LITTLE_TIME))
    assert refused.value.failed.status == 400
    less = {**PATTERNS, "maxLength": 90}
    expected = r"^response_format: expected at most 1M of memory to compile it \(--compile-memory-bytes\), got more$"
    with pytest.raises(JobError, match=expected):
        store.constraint(schema(less), PreparationAttempt(Limits(10.0, 1_000_000)))


def test_a_kept_refusal_does_not_keep_the_request(store: GrammarStore) -> None:
    class Request:
        pass

    def refuse() -> weakref.ref[Request]:
        request = Request()
        with pytest.raises(JobError):
            store.constraint(schema({"type": "poem"}), PreparationAttempt(LIMITS))
        return weakref.ref(request)

    requests = [refuse(), refuse()]
    gc.collect()
    assert [request() for request in requests] == [None, None]


def test_a_busy_machine_is_a_503_that_is_not_kept(compiler: GrammarCompiler) -> None:
    sandbox = Mock(spec=Sandbox)
    sandbox.compile.side_effect = LimitExceeded(Limit.WAITING)
    store = GrammarStore(sandbox, compiler)
    for _ in range(2):
        with pytest.raises(JobError, match=r"^response_format: the machine is too busy to compile it; try") as refused:
            store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
        assert refused.value.failed.status == 503
    assert sandbox.compile.call_count == 2


def test_grammars_in_use_have_a_limit_also_if_they_are_kept(
    store: GrammarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use = store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
    monkeypatch.setattr("workers.text.grammars.LIVE_PER_LIMIT", 0)
    for _ in range(2):
        with pytest.raises(JobError, match=r"^grammars in use: expected at most") as refused:
            store.constraint(schema({"type": "boolean"}), PreparationAttempt(LIMITS))
        assert refused.value.failed.status == 503
    again = store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
    assert again.grammar is in_use.grammar


def test_a_quick_attempt_is_not_the_last_one(store: GrammarStore) -> None:
    with pytest.raises(NeedsTime):
        store.constraint(schema(PATTERNS), PreparationAttempt(LITTLE_TIME, is_quick=True))
