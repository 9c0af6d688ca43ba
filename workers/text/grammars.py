"""The constraints of jobs: compiled in the sandbox first, and kept by their content."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from hashlib import sha256
from time import monotonic

from shared.settings.units import format_bytes
from shared.wire.codec import encode
from shared.wire.payloads import Failed, JobError
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.constraint import CompiledGrammar, TokenConstraint
from workers.text.constraints.limits import check_sizes
from workers.text.lanes import NeedsTime
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.messages import Compile, Render
from workers.text.sandbox.sandbox import Limit, LimitExceeded, Sandbox

MAX_KEPT_GRAMMARS = 64
MAX_KEPT_REFUSALS = 1024

REFUSAL_S = 600.0
"""How long a refusal is kept: a busy machine may have been its reason."""

LIVE_PER_LIMIT = 4
"""All grammars of a worker, kept or in use, may take as much memory as this many that come to the limit."""


class GrammarStore:
    """Compiles each constraint once for a worker. Threads may share it."""

    def __init__(self, sandbox: Sandbox, compiler: GrammarCompiler) -> None:
        self._sandbox = sandbox
        self._compiler = compiler
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, CompiledGrammar] = OrderedDict()
        self._refusals: OrderedDict[bytes, tuple[float, Failed]] = OrderedDict()
        self._live: weakref.WeakSet[CompiledGrammar] = weakref.WeakSet()

    def constraint(self, task: Compile, attempt: PreparationAttempt) -> TokenConstraint:
        """The constraint of an answer.

        Raises:
            JobError: 400, the grammar is wrong or exceeds a limit; 503, there is no room or time for it now.
            NeedsTime: the quick attempt did not suffice.
            Cancelled: the attempt was cancelled.
        """
        key = content_key(task)
        with self._lock:
            until_s, refusal = self._refusals.get(key, (0.0, None))
            if refusal is not None and monotonic() < until_s:
                raise _error(refusal)
            grammar = self._kept.get(key)
            if grammar is not None:
                self._kept.move_to_end(key)
        if grammar is None:
            try:
                grammar = self._compile(task, attempt, key)
            except JobError as error:
                self._refuse(key, error.failed)
                raise
            self._keep(key, grammar, attempt.limits)
        self._count(grammar, attempt.limits)
        return self._compiler.constraint(grammar, task.param)

    def _compile(self, task: Compile, attempt: PreparationAttempt, key: bytes) -> CompiledGrammar:
        check_sizes(task.constraint, task.tools, task.param)
        try:
            found = self._sandbox.compile(task, attempt)
        except LimitExceeded as exceeded:
            raise limit_error(exceeded.limit, attempt, key, task.param) from None
        return self._compiler.rebuild(
            found.grammar, found.texts, found.closing, found.memory_bytes, task.param, found.warnings
        )

    def _keep(self, key: bytes, grammar: CompiledGrammar, limits: Limits) -> None:
        with self._lock:
            self._kept[key] = grammar
            kept_bytes = sum(other.memory_bytes for other in self._kept.values())
            while len(self._kept) > MAX_KEPT_GRAMMARS or (kept_bytes > limits.memory_bytes and len(self._kept) > 1):
                kept_bytes -= self._kept.popitem(last=False)[1].memory_bytes

    def _count(self, grammar: CompiledGrammar, limits: Limits) -> None:
        """Count a grammar that is going to be used, if it is not in use already."""
        most = LIVE_PER_LIMIT * limits.memory_bytes
        with self._lock:
            live_bytes = sum(other.memory_bytes for other in self._live)
            if grammar not in self._live and live_bytes + grammar.memory_bytes > most:
                raise JobError(
                    503, f"grammars in use: expected at most {format_bytes(most)}, got more; try again later"
                )
            self._live.add(grammar)

    def _refuse(self, key: bytes, failed: Failed) -> None:
        """Keep a refusal of the grammar itself. The exception is not kept: its traceback holds the request."""
        if failed.status != 400:
            return
        with self._lock:
            self._refusals[key] = (monotonic() + REFUSAL_S, failed)
            if len(self._refusals) > MAX_KEPT_REFUSALS:
                self._refusals.popitem(last=False)


def _error(failed: Failed) -> JobError:
    return JobError(failed.status, failed.message, failed.param, failed.code)


def content_key(task: Render | Compile) -> bytes:
    """The same for equal tasks."""
    return sha256(encode(task)).digest()


def limit_error(limit: Limit, attempt: PreparationAttempt, key: bytes, param: str, verb: str = "compile") -> JobError:
    """The error for a task that exceeded a limit.

    ``key`` is the same for equal tasks, ``verb`` says what they do with ``param``.

    Raises:
        NeedsTime: it was that of a quick attempt.
    """
    if limit in (Limit.TIME, Limit.WAITING) and attempt.is_quick:
        raise NeedsTime(key)
    match limit:
        case Limit.TIME:
            expected = f"at most {attempt.limits.cpu_s:g} s of CPU time to {verb} it (--compile-time-s), got more"
        case Limit.MEMORY:
            size = format_bytes(attempt.limits.memory_bytes)
            expected = f"at most {size} of memory to {verb} it (--compile-memory-bytes), got more"
        case Limit.WAITING:
            return JobError(503, f"{param}: the machine is too busy to {verb} it; try again later", param)
        case Limit.CRASH:
            expected = f"less to {verb} it, got a size or depth that crashes the process"
    return JobError(400, f"{param}: expected {expected}", param, "compile_limit")
