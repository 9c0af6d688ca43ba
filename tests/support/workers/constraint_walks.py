"""Random texts that a constraint allows."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from shared.wire.jobs import Constraint, ConstraintKind
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.closing import ClosingGuard
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.constraint import TokenConstraint

WALKS = 4
LONGEST_WALK = 40


def allowed_tokens(constraint: TokenConstraint, vocabulary: LlamaVocabulary) -> list[int]:
    logits = np.zeros(vocabulary.size, np.float32)
    constraint.mask(logits)
    return [int(token) for token in np.flatnonzero(np.isfinite(logits))]


def random_walk(
    constraint: TokenConstraint, vocabulary: LlamaVocabulary, chance: random.Random, steps: int
) -> list[int]:
    """Tokens drawn at random from the allowed ones, for at most ``steps`` steps."""
    tokens: list[int] = []
    for _ in range(steps):
        if constraint.ended:
            break
        token = chance.choice(allowed_tokens(constraint, vocabulary))
        if token in vocabulary.eog:
            break
        constraint.accept(token)
        tokens.append(token)
    return tokens


def text_of(vocabulary: LlamaVocabulary, tokens: list[int]) -> str:
    return b"".join(vocabulary.piece(token, special=True) for token in tokens).decode("utf-8", "replace")


def some_text(constraint: TokenConstraint, vocabulary: LlamaVocabulary, chance: random.Random) -> str:
    """An allowed text: a random beginning and its closing tokens."""
    tokens = random_walk(constraint, vocabulary, chance, chance.randint(0, LONGEST_WALK))
    closing = [] if constraint.ended else constraint.closing()
    assert closing is not None, f"no closing tokens after {text_of(vocabulary, tokens)!r}"
    return text_of(vocabulary, tokens + closing)


def answer_within(
    constraint: TokenConstraint, growth: int, vocabulary: LlamaVocabulary, chance: random.Random, budget: int
) -> list[int]:
    """An answer drawn at random and completed within ``budget`` tokens, as the engine does it."""
    guard = ClosingGuard(constraint, growth)
    tokens: list[int] = []
    while len(tokens) < budget and not constraint.ended:
        left = budget - len(tokens)
        closing = guard.closing(left)
        allowed = [token for token in allowed_tokens(constraint, vocabulary) if token not in vocabulary.eog]
        token = chance.choice(allowed)
        constraint.accept(token)
        if closing is not None and not guard.still_fits(left - 1):
            return tokens + closing
        forced = constraint.forced()[: left - 1]
        if not guard.is_safe(left - 1 - len(forced)):
            forced = []
        for forced_token in forced:
            constraint.accept(forced_token)
        tokens += [token, *forced]
    return tokens


def by_schema(compiler: GrammarCompiler, schema: Any) -> TokenConstraint:
    return compiler.compile(Constraint(ConstraintKind.JSON_SCHEMA, schema))
