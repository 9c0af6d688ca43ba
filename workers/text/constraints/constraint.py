"""Constrained decoding of one sequence, with llguidance.

Before a token is drawn, all tokens that the grammar does not allow are masked. Tokens that it forces are appended
without being drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import thread_time

import numpy as np
from llguidance import LLMatcher
from llguidance.numpy import allocate_token_bitmask
from numpy.typing import NDArray

from shared.wire.payloads import JobError
from workers.text.constraints.closing import MAX_CLOSING_TOKENS
from workers.text.constraints.closing_search import ClosingSearch
from workers.text.constraints.matcher import allowed_tokens, error_reason, mask_tokens

LIMIT_PHRASES = ("too many", "limit", "max is", "too large", "too big")
"""llguidance's error contains one of these if a grammar exceeds a limit of the parser."""


MAX_STEP_SEARCH_S = 0.2
"""CPU time of each of the two searches for closing tokens while other sequences wait. Most take some milliseconds."""


MAX_SEARCHES_S = 2.0
"""CPU time of all searches for closing tokens of one sequence. Then its answer may be cut off."""

MAX_MASK_S = 0.5
"""CPU time in which llguidance must find the allowed tokens of a step. All sequences of a worker wait for it."""


def too_slow(param: str, seconds: float) -> JobError:
    """The error for a grammar whose steps hold up all others."""
    expected = f"a grammar that takes at most {MAX_MASK_S:g} s per token"
    return JobError(400, f"{param}: expected {expected}, got one that took {seconds:.1f} s", param, "slow_grammar")


@dataclass(frozen=True, eq=False)
class CompiledGrammar:
    """A grammar at the beginning of a text.

    ``source`` is its text in llguidance's own form. ``texts`` are words that its regular expressions spell out, as
    tokens, and ``closing`` the tokens of a short text that fits; None if none was found. ``memory_bytes`` is about what
    it takes, if that is known. ``warnings`` say what it does not enforce of what was asked for.
    """

    source: str
    matcher: LLMatcher
    texts: list[list[int]]
    closing: list[int] | None
    memory_bytes: int = 0
    warnings: list[str] = field(default_factory=list)


class TokenConstraint:
    """The state of a grammar in one sequence. ``param`` is the request field that the grammar came from."""

    def __init__(self, grammar: CompiledGrammar, vocab_size: int, closing_search: ClosingSearch, param: str) -> None:
        self.grammar = grammar
        self.param = param
        self._matcher = grammar.matcher.deep_copy()
        self._vocab_size = vocab_size
        self._closing_search = closing_search
        self._bitmask = allocate_token_bitmask(1, vocab_size)
        self._last_closing = grammar.closing or []
        self._searched_s = 0.0

    def copy(self) -> TokenConstraint:
        """A constraint at the beginning of another text."""
        return TokenConstraint(self.grammar, self._vocab_size, self._closing_search, self.param)

    @property
    def complete(self) -> bool:
        """Whether the text so far satisfies the grammar."""
        return bool(self._matcher.is_accepting())

    @property
    def ended(self) -> bool:
        """Whether no further token is allowed except an end-of-generation token."""
        return bool(self._matcher.is_stopped())

    def mask(self, logits: NDArray[np.float32]) -> None:
        """Set the logits, shape ``(vocabulary,)``, of all tokens that are not allowed next to minus infinity.

        Raises:
            JobError: see :meth:`allowed`.
        """
        self.allowed()
        mask_tokens(logits[: self._vocab_size], self._bitmask)
        logits[self._vocab_size :] = -np.inf

    def allowed(self) -> NDArray[np.bool_]:
        """Whether each token may come next, shape ``(vocabulary,)``.

        Raises:
            JobError: 400, no token can continue an incomplete text, the grammar exceeds a limit of the parser, or it
                took longer than :data:`MAX_MASK_S`.
        """
        began_at_s = thread_time()
        allowed = allowed_tokens(self._matcher, self._bitmask, self._vocab_size)
        took_s = thread_time() - began_at_s
        if self._matcher.is_error():
            raise self._failure()
        if took_s > MAX_MASK_S:
            raise too_slow(self.param, took_s)
        return allowed

    def accept(self, token: int) -> None:
        """Append a token.

        Raises:
            JobError: 400, the grammar exceeds a limit of the parser; 500, the token is not allowed.
        """
        if not self._matcher.consume_token(token):
            raise self._failure()

    def takes(self, tokens: list[int]) -> bool:
        """Whether these tokens may come next."""
        return int(self._matcher.validate_tokens(tokens)) == len(tokens)

    def undo(self, count: int = 1) -> None:
        """Remove the last tokens."""
        self._matcher.rollback(count)

    def forced(self) -> list[int]:
        """The tokens that must follow; empty if there is a choice."""
        return [] if self._matcher.is_stopped() else list(self._matcher.compute_ff_tokens())

    def closing(self, limit: int = MAX_CLOSING_TOKENS) -> list[int] | None:
        """At most ``limit`` tokens that complete the text; None if none were found."""
        closing = self._closing_search.reuse(self._matcher, self._last_closing, limit)
        if closing is None and self._searched_s < MAX_SEARCHES_S:
            began_at_s = thread_time()
            closing = self._closing_search.find(self._matcher, self.grammar.texts, limit, MAX_STEP_SEARCH_S)
            self._searched_s += thread_time() - began_at_s
        if closing is not None:
            self._last_closing = closing
        return closing

    def _failure(self) -> JobError:
        reason = error_reason(self._matcher.get_error())
        if reason.startswith("NoExtension"):
            reason = "no text satisfies it"
        elif not any(phrase in reason.lower() for phrase in LIMIT_PHRASES):
            return JobError(500, f"the grammar was not followed: {reason}")
        return JobError(400, f"{self.param}: {reason}", self.param, "unsupported_schema")
