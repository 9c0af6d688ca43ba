from __future__ import annotations

import random

import numpy as np
import pytest

from shared.wire.payloads import JobError
from tests.support.workers.constraint_walks import allowed_tokens, by_schema, random_walk, text_of
from tests.support.workers.json_schemas import PERSON, SCHEMAS, Schema
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.constraint import TokenConstraint


def test_the_mask_does_not_change_the_logits_of_allowed_tokens(
    compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    constraint = by_schema(compiler, {"type": "boolean"})
    before = np.arange(vocabulary.size + 8, dtype=np.float32)
    logits = before.copy()
    constraint.mask(logits)
    kept = np.flatnonzero(np.isfinite(logits))
    assert np.array_equal(logits[kept], before[kept])
    assert np.isneginf(np.delete(logits, kept)).all()
    texts = {text_of(vocabulary, [int(token)]) for token in kept}
    assert {"true", "false"} <= texts
    assert all("true".startswith(text) or "false".startswith(text) for text in texts)


@pytest.mark.parametrize("name", ["flat object", "tree", "names that need escapes", "enum of mixed values"])
def test_a_token_is_accepted_if_and_only_if_the_mask_allows_it(
    name: str, compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    chance = random.Random(3)
    beginning: list[int] = []
    for _ in range(5):
        constraint = after(beginning, compiler, SCHEMAS[name])
        allowed = allowed_tokens(constraint, vocabulary)
        for token in chance.sample(allowed, min(5, len(allowed))):
            after([*beginning, token], compiler, SCHEMAS[name])
        for token in set(chance.sample(range(vocabulary.size), 10)) - set(allowed):
            with pytest.raises(JobError, match="the grammar was not followed"):
                after([*beginning, token], compiler, SCHEMAS[name])
        beginning += random_walk(constraint, vocabulary, chance, 1)


def after(tokens: list[int], compiler: GrammarCompiler, schema: Schema) -> TokenConstraint:
    constraint = by_schema(compiler, schema)
    for token in tokens:
        constraint.accept(token)
    return constraint


def test_forced_tokens_are_allowed_one_after_another(compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    constraint = by_schema(compiler, SCHEMAS["flat object"])
    forced = constraint.forced()
    assert text_of(vocabulary, forced).startswith('{"name":')
    for token in forced:
        assert token in allowed_tokens(constraint, vocabulary)
        constraint.accept(token)


def test_nothing_is_forced_where_there_is_a_choice_or_an_end(
    compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    choice = by_schema(compiler, {"enum": ["red", "green"]})
    choice.accept(vocabulary.tokenize('"', False, False)[0])
    assert choice.forced() == []
    end = by_schema(compiler, {"const": 1})
    for token in end.forced():
        end.accept(token)
    assert end.ended
    assert end.forced() == []
    assert end.closing() == []


def test_an_undone_token_leaves_no_trace(compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    chance = random.Random(4)
    constraint = by_schema(compiler, PERSON)
    for _ in range(10):
        before = allowed_tokens(constraint, vocabulary)
        constraint.accept(chance.choice(before))
        constraint.undo()
        assert allowed_tokens(constraint, vocabulary) == before
        random_walk(constraint, vocabulary, chance, 1)


def test_searching_for_closing_tokens_changes_nothing(compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    constraint = by_schema(compiler, PERSON)
    random_walk(constraint, vocabulary, random.Random(5), 5)
    before = allowed_tokens(constraint, vocabulary)
    assert constraint.closing() == constraint.closing()
    assert allowed_tokens(constraint, vocabulary) == before


def test_two_constraints_of_one_grammar_are_independent(compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    first, second = by_schema(compiler, PERSON), by_schema(compiler, PERSON)
    before = allowed_tokens(second, vocabulary)
    random_walk(first, vocabulary, random.Random(6), 10)
    assert allowed_tokens(second, vocabulary) == before
