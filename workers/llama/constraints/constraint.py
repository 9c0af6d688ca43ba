"""Generation that always satisfies a schema or a grammar, by llguidance.

Before each token is drawn, all tokens that the grammar does not allow are masked. Tokens that the grammar forces are
appended without being drawn. When the token budget is nearly spent, the shortest way to a complete text is taken, so
that even an answer that was cut short is valid.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.gbnf_to_lark import any_to_lark
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from numpy.typing import NDArray

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError
from workers.llama.constraints.schemas import close_objects, mentions

JSON_STYLE: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""One spelling of JSON, the one that models see most: it leaves most tokens forced."""

CLOSING_LIMIT = 512
"""The longest way out of a grammar that is looked for, in tokens."""

STRUCTURE = '"}],'
"""Characters that lead to the end of a JSON text soonest. Several of one kind in a row may be of use."""

CLOSERS = dict.fromkeys(STRUCTURE + "1052346789" + "@.-:/a!" + "".join(map(chr, range(32, 127))))
"""All characters that are tried on the way out, best first: those after the digits are for texts that fit a pattern."""

STRUCTURE_IN_A_ROW = 4

LIMIT_WORDS = ("too many", "limit", "max is", "too large", "too big")
"""What the parser says where a grammar is beyond one of its limits."""


class GrammarCompiler:
    """Compiles constraints for one vocabulary and keeps the last ones, since clients repeat their schemas."""

    KEPT = 16

    def __init__(self, tokenizer: LLTokenizer) -> None:
        self._tokenizer = tokenizer
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()
        self._closers = _closers(tokenizer)

    def compile(self, constraint: Constraint) -> TokenConstraint:
        """The constraint of a request's ``response_format`` or ``grammar``.

        Raises:
            JobError: 400, with the compiler's words, which name the keyword that is not supported.
        """
        match constraint.kind:
            case ConstraintKind.JSON_OBJECT:
                grammar, param = schema_grammar({"type": "object"}), "response_format"
            case ConstraintKind.JSON_SCHEMA:
                grammar, param = schema_grammar(constraint.value), "response_format"
                if mentions(constraint.value, "oneOf"):
                    self.check_schema(constraint.value, param)
            case ConstraintKind.REGEX:
                grammar, param = LLMatcher.grammar_from_regex(constraint.value), "regex"
            case ConstraintKind.GRAMMAR:
                grammar, param = _lark_or_gbnf(constraint.value), "grammar"
        return self.constrain(grammar, param)

    def constrain(self, grammar: str, param: str) -> TokenConstraint:
        """A fresh constraint by a llguidance grammar.

        Raises:
            JobError: 400, naming ``param``, when the grammar cannot be compiled.
        """
        matcher = self._compiled.get(grammar)
        if matcher is None:
            matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
            if matcher.is_error():
                raise JobError(400, f"{param}: {_reason(matcher.get_error())}", param, "unsupported_schema")
            self._try(matcher.deep_copy(), param)
            self._compiled[grammar] = matcher
            if len(self._compiled) > self.KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(grammar)
        return TokenConstraint(matcher.deep_copy(), self._tokenizer.vocab_size, self._closers, param)

    def _try(self, matcher: LLMatcher, param: str) -> None:
        """Take one step: the parser meets some of its limits only then, and a text that can have no end."""
        constraint = TokenConstraint(matcher, self._tokenizer.vocab_size, self._closers, param)
        constraint.accept(int(np.argmax(constraint.allowed())))

    def check_schema(self, schema: dict[str, Any], what: str) -> None:
        """Compile one schema as its author wrote it, so that an error can say whose it is.

        Once closed, two members of a ``oneOf`` may exclude each other that both fit a text when they are open.

        Raises:
            JobError: 400, with ``what`` and the keyword that is not supported.
        """
        error = LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(json.dumps(schema)), self._tokenizer)
        if error and not error.startswith("WARNING"):
            raise JobError(400, f"{what}: {_reason(error)}", what.split(":")[0], "unsupported_schema")


class TokenConstraint:
    """What the grammar allows next in one sequence. ``param`` is the field that the grammar came from."""

    def __init__(self, matcher: LLMatcher, vocab_size: int, closers: NDArray[np.intp], param: str) -> None:
        self._matcher = matcher
        self._vocab_size = vocab_size
        self._closers = closers
        self._param = param
        self._bitmask = allocate_token_bitmask(1, vocab_size)

    @property
    def complete(self) -> bool:
        """Whether the text so far satisfies the grammar."""
        return bool(self._matcher.is_accepting())

    @property
    def ended(self) -> bool:
        """Whether nothing but the end may follow."""
        return bool(self._matcher.is_stopped())

    def mask(self, logits: NDArray[np.float32]) -> None:
        """Set the logits, shape ``(vocabulary,)``, of all tokens that are not allowed next to minus infinity.

        Raises:
            JobError: as :meth:`allowed`.
        """
        logits[: self._vocab_size][~self.allowed()] = -np.inf
        logits[self._vocab_size :] = -np.inf

    def allowed(self) -> NDArray[np.bool_]:
        """Whether each token may come next, shape ``(vocabulary,)``.

        Raises:
            JobError: nothing may follow though the text is not complete, or the parser reached one of its limits.
        """
        allowed = _allowed(self._matcher, self._bitmask, self._vocab_size)
        if self._matcher.is_error():
            raise self._failure()
        return allowed

    def accept(self, token: int) -> None:
        """The token was chosen.

        Raises:
            JobError: 400, the grammar's parser reached one of its limits; 500, the token was not allowed.
        """
        if not self._matcher.consume_token(token):
            raise self._failure()

    def undo(self) -> None:
        """Take back the last token."""
        self._matcher.rollback(1)

    def forced(self) -> list[int]:
        """The tokens that must follow, none if there is a choice."""
        return [] if self._matcher.is_stopped() else list(self._matcher.compute_ff_tokens())

    def closing(self, limit: int = CLOSING_LIMIT) -> list[int] | None:
        """Tokens that complete the text, by a short way though not always the shortest.

        None if no end was found within ``limit`` tokens.
        """
        matcher = self._matcher.deep_copy()
        path: list[int] = []
        uses = np.zeros(len(self._closers), np.int64)
        while not matcher.is_accepting():
            if matcher.is_stopped() or len(path) >= limit:
                return None
            tokens = list(matcher.compute_ff_tokens())
            if tokens:
                uses[: len(STRUCTURE)] = 0
            else:
                tokens = [self._way_out(matcher, uses)]
            if not matcher.consume_tokens(tokens):
                return None
            path += tokens
        return path if len(path) <= limit else None

    def _failure(self) -> JobError:
        reason = _reason(self._matcher.get_error())
        if reason.startswith("NoExtension"):
            reason = "no text satisfies it"
        elif not any(word in reason.lower() for word in LIMIT_WORDS):
            return JobError(500, f"the grammar was not followed: {reason}")
        return JobError(400, f"{self._param}: {reason}", self._param, "unsupported_schema")

    def _way_out(self, matcher: LLMatcher, uses: NDArray[np.int64]) -> int:
        """The best of the allowed closers that were used least: one that brings no end is not tried for ever."""
        allowed = _allowed(matcher, self._bitmask, self._vocab_size)
        possible = np.flatnonzero(allowed[self._closers])
        if not len(possible):
            return int(np.argmax(allowed))
        in_a_row = np.where(possible < len(STRUCTURE), STRUCTURE_IN_A_ROW, 1)
        best = possible[np.argmin(uses[possible] // in_a_row)]
        uses[best] += 1
        return int(self._closers[best])


def schema_grammar(schema: Any) -> str:
    """The llguidance grammar of the JSON texts that fit ``schema``."""
    closed = close_objects(schema)
    if closed is True or closed == {}:
        closed = {"type": ["object", "array", "string", "number", "boolean", "null"]}
    try:
        grammar: str = LLMatcher.grammar_from_json_schema(json.dumps(closed), overrides=JSON_STYLE)
    except ValueError as error:
        raise JobError(400, f"response_format: {_reason(str(error))}", "response_format") from None
    return grammar


def tool_schema(schema: Any) -> dict[str, Any]:
    """A function's ``parameters`` as they stand within a grammar: an object, in our spelling of JSON."""
    closed = close_objects(schema)
    return {"type": "object", **closed, "x-guidance": JSON_STYLE}


def _lark_or_gbnf(text: str) -> str:
    try:
        return str(LLMatcher.grammar_from_lark(any_to_lark(text)))
    except Exception as error:  # the converter raises whatever its parser does
        raise JobError(400, f"grammar: neither Lark nor GBNF: {_reason(str(error))}", "grammar") from None


def _allowed(matcher: LLMatcher, bitmask: NDArray[np.int32], vocab_size: int) -> NDArray[np.bool_]:
    fill_next_token_bitmask(matcher, bitmask, 0)
    bits = np.unpackbits(bitmask[0].view(np.uint8), bitorder="little", count=vocab_size)
    return bits.view(np.bool_)


def _closers(tokenizer: LLTokenizer) -> NDArray[np.intp]:
    """The tokens of :data:`CLOSERS`."""
    spelt = {tokenizer.decode_bytes([token]): token for token in range(tokenizer.vocab_size)}
    return np.array([spelt[text.encode()] for text in CLOSERS if text.encode() in spelt], np.intp)


def _reason(text: str) -> str:
    """The compiler's reason in one line. That of a pattern stands below a picture of it."""
    if text.startswith("panic"):
        return "too large or too complex"
    lines = text.strip().splitlines() or ["no reason given"]
    if lines[0].startswith("regex parse error"):
        return f"regex parse error: {lines[-1].removeprefix('error: ')[:300]}"
    return lines[0][:300]
