"""Compiles schemas, regular expressions and grammars into constraints, with llguidance."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError
from workers.chat.grammar.smallest import smallest
from workers.text.constraints.closing_graph import MAX_LENGTH
from workers.text.constraints.closing_search import ClosingSearch
from workers.text.constraints.constraint import CompiledGrammar, TokenConstraint
from workers.text.constraints.fixed_texts import fixed_texts
from workers.text.constraints.gbnf import GbnfError, is_gbnf
from workers.text.constraints.gbnf_to_lark import gbnf_to_lark
from workers.text.constraints.matcher import LIMITS, error_reason, new_matcher
from workers.text.constraints.schemas import close_objects, mentions
from workers.text.vocabulary import Vocabulary

_LARK_START = re.compile(r"^\s*start\s*(\[.*\])?\s*:", re.MULTILINE)

MAX_SEARCH_S = 1.0
"""CPU time of each of the two searches for a short answer of a grammar. Most take some milliseconds."""

JSON_STYLE: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""The JSON format that models have seen most. Allowing only one format means that more tokens are forced."""


class GrammarCompiler:
    """Compiles constraints for one vocabulary. Threads may share it.

    What it needs of the vocabulary is made for the first constraint, or by :meth:`prepare`: for a large vocabulary that
    takes some seconds, and most requests have no constraint.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._making = threading.Lock()
        self._made: tuple[LLTokenizer, ClosingSearch] | None = None

    def prepare(self) -> None:
        """Make what it needs of the vocabulary, unless that is made."""
        self._prepared()

    def _prepared(self) -> tuple[LLTokenizer, ClosingSearch]:
        with self._making:
            if self._made is None:
                tokenizer = self._vocabulary.grammar_tokenizer()
                self._made = tokenizer, ClosingSearch(tokenizer)
            return self._made

    @property
    def _tokenizer(self) -> LLTokenizer:
        return self._prepared()[0]

    @property
    def _closing_search(self) -> ClosingSearch:
        return self._prepared()[1]

    def compile(self, constraint: Constraint) -> TokenConstraint:
        """A constraint of a request.

        Raises:
            JobError: 400, with llguidance's reason, which names a keyword that is not supported.
        """
        field = constraint.field
        match constraint.kind:
            case ConstraintKind.JSON_OBJECT:
                grammar = _schema_grammar({"type": "object"}, field)
            case ConstraintKind.JSON_SCHEMA:
                grammar = _schema_grammar(constraint.value, field)
                if mentions(constraint.value, "oneOf"):
                    self.check_schema(constraint.value, field)
            case ConstraintKind.REGEX:
                grammar = LLMatcher.grammar_from_regex(constraint.value)
            case ConstraintKind.GRAMMAR:
                return self._grammar(constraint.value, field)
        return self.constrain(grammar, field)

    def constrain(
        self, grammar: str, param: str, endings: Sequence[str] = (), warnings: Sequence[str] = ()
    ) -> TokenConstraint:
        """The constraint of a grammar in llguidance's own form.

        Args:
            grammar: the grammar.
            param: the field of the request that it comes from.
            endings: texts, with special tokens, that may complete an answer.
            warnings: what the grammar does not enforce.

        Raises:
            JobError: 400, naming ``param``, if the grammar cannot be compiled.
        """
        compiled = self._compile(grammar, param, endings)
        return self.constraint(replace(compiled, warnings=list(warnings)), param)

    def check_schema(self, schema: dict[str, Any], what: str) -> None:
        """Compile one schema without closing its objects.

        This has two uses: the error names this schema, and llguidance refuses a ``oneOf`` whose open members overlap.

        Raises:
            JobError: 400, with ``what`` and the keyword that is not supported.
        """
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema))
        error = LLMatcher.validate_grammar(grammar, self._tokenizer, limits=LIMITS)
        if error and not error.startswith("WARNING"):
            raise JobError(400, f"{what}: {error_reason(error)}", what.split(":")[0], "unsupported_schema")

    def short_arguments(self, parameters: Any) -> dict[str, Any] | None:
        """Short arguments that fit a function's parameters; None if none were found."""
        guess = smallest({"type": "object", **parameters}, parameters)
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(tool_schema(parameters)))
        matcher = new_matcher(self._tokenizer, grammar)
        tokens = self._closing_search.tokens(json.dumps(guess, ensure_ascii=False))
        if isinstance(guess, dict) and matcher.validate_tokens(tokens) == len(tokens):
            return guess
        texts = [self._closing_search.tokens(text) for text in fixed_texts(grammar)]
        found = self._closing_search.find(matcher, texts, MAX_LENGTH, MAX_SEARCH_S)
        if found is None:
            return None
        arguments = json.loads(self._tokenizer.decode_bytes(found))
        return arguments if isinstance(arguments, dict) else None

    def refuses(self, schema: dict[str, Any]) -> bool:
        """Whether a schema, as it is, cannot be compiled."""
        try:
            self.check_schema(schema, "schema")
        except JobError:
            return True
        return False

    def rebuild(
        self,
        grammar: str,
        texts: list[list[int]],
        closing: list[int] | None,
        memory_bytes: int,
        param: str,
        warnings: list[str],
    ) -> CompiledGrammar:
        """A grammar that was compiled before, in another process.

        Raises:
            JobError: 400, the grammar cannot be compiled.
        """
        return CompiledGrammar(grammar, self._matcher(grammar, param), texts, closing, memory_bytes, warnings)

    def constraint(self, grammar: CompiledGrammar, param: str) -> TokenConstraint:
        """A constraint at the beginning of a text."""
        return TokenConstraint(grammar, self._tokenizer.vocab_size, self._closing_search, param)

    def _matcher(self, grammar: str, param: str) -> LLMatcher:
        matcher = new_matcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise JobError(400, f"{param}: {error_reason(matcher.get_error())}", param, "unsupported_schema")
        return matcher

    def _grammar(self, text: str, field: str) -> TokenConstraint:
        if is_lark(text):
            return self.constrain(text, field)
        try:
            constraint = self.constrain(gbnf_to_lark(text, self._token_of), field)
            if constraint.closing() is None:  # perhaps a rule takes what must follow it
                constraint = self.constrain(gbnf_to_lark(text, self._token_of, by_character=True), field)
        except GbnfError as error:
            expected = "" if is_gbnf(text) else "expected Lark or GBNF, got neither: "
            raise JobError(400, f"{field}: {expected}{error}", field, "unsupported_schema") from None
        return constraint

    def _token_of(self, text: str) -> int | None:
        tokens = self._vocabulary.tokenize_inner(text)
        return tokens[0] if len(tokens) == 1 else None

    def _steps_of(self, endings: Sequence[str]) -> list[list[int]]:
        """The endings as tokens, what follows the special tokens at their beginnings, and each special token.

        Short ones come first: a search takes the first that completes the text.
        """
        steps, special = list[list[int]](), dict[int, None]()
        for ending in endings:
            tokens = self._vocabulary.tokenize_inner(ending)
            leading = True
            for at, token in enumerate(tokens):
                if at == 0 or leading:
                    steps.append(tokens[at:])
                leading = leading and self._tokenizer.is_special_token(token)
                if self._tokenizer.is_special_token(token):
                    special[token] = None
        return sorted([*([token] for token in special), *filter(None, steps)], key=len)

    def _compile(self, grammar: str, param: str, endings: Sequence[str] = ()) -> CompiledGrammar:
        matcher = self._matcher(grammar, param)
        texts = self._steps_of(endings)
        texts += [self._closing_search.tokens(text) for text in fixed_texts(grammar)]
        # The parser checks some limits, and whether the text can end at all, only at the first step.
        unclosed = CompiledGrammar(grammar, matcher, texts, None)
        trial = self.constraint(unclosed, param)
        trial.accept(int(np.argmax(trial.allowed())))
        return replace(unclosed, closing=self._closing_search.find(matcher, texts, MAX_LENGTH, MAX_SEARCH_S))


def is_lark(text: str) -> bool:
    """Whether a grammar is in llguidance's dialect of Lark. GBNF may have a rule ``start`` too."""
    return text.lstrip().startswith("%llguidance") or (_LARK_START.search(text) is not None and not is_gbnf(text))


def tool_schema(schema: Any) -> dict[str, Any]:
    """A function's ``parameters`` for use within a grammar: a closed object in :data:`JSON_STYLE`."""
    closed = close_objects(schema)
    return {"type": "object", **closed, "x-guidance": JSON_STYLE}


def _schema_grammar(schema: Any, field: str) -> str:
    """The grammar of the JSON texts that fit ``schema``, which is the value of ``field``."""
    closed = close_objects(schema)
    if closed is True or closed == {}:
        closed = {"type": ["object", "array", "string", "number", "boolean", "null"]}
    try:
        grammar: str = LLMatcher.grammar_from_json_schema(json.dumps(closed), overrides=JSON_STYLE)
    except ValueError as error:
        raise JobError(400, f"{field}: {error_reason(str(error))}", field) from None
    return grammar
