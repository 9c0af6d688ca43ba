"""Limits of schemas and grammars that are checked before they are compiled."""

from __future__ import annotations

from typing import Any

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError

MAX_DEPTH = 128
"""Of a schema, in lists and objects within each other."""

MAX_PARTS = 50_000
"""Of a schema: lists, objects and values."""

MAX_REFERENCES_IN_A_ROW = 1_000
"""``$ref`` to a ``$ref`` and so on."""

MAX_RULES = 10_000
"""Lines of a grammar."""

MAX_WORDS_OF_A_RULE = 10_000


def check_sizes(constraint: Constraint | None, tools: list[dict[str, Any]], param: str) -> None:
    """Refuse a constraint that is larger than any use of it.

    Raises:
        JobError: 400, with the limit.
    """
    for tool in tools:
        _check_schema(tool["function"].get("parameters"), param)
    if constraint is not None and constraint.kind is ConstraintKind.JSON_SCHEMA:
        _check_schema(constraint.value, constraint.field)
    elif constraint is not None and constraint.kind is ConstraintKind.GRAMMAR:
        _check_grammar(constraint.value, constraint.field)


def _check_schema(schema: Any, param: str) -> None:
    parts = 0
    level = [schema]
    for _ in range(MAX_DEPTH):
        parts += len(level)
        if parts > MAX_PARTS:
            raise _too_many(param, MAX_PARTS, "parts of a schema", "more")
        level = [part for parent in level for part in _parts(parent)]
        if not level:
            break
    else:
        raise _too_many(param, MAX_DEPTH, "levels of a schema", "more")
    _check_references(schema, param)


def _parts(parent: Any) -> list[Any]:
    if isinstance(parent, dict):
        return list(parent.values())
    return parent if isinstance(parent, list) else []


def _check_references(schema: Any, param: str) -> None:
    """Follow the chains of definitions that consist of a reference."""
    if not isinstance(schema, dict):
        return
    named = {
        f"#/{section}/{name}": part.get("$ref")
        for section in ("$defs", "definitions")
        if isinstance(schema.get(section), dict)
        for name, part in schema[section].items()
        if isinstance(part, dict)
    }
    lengths: dict[str, int] = {}
    for start in named:
        chain: list[str] = []
        at: Any = start
        while isinstance(at, str) and at in named and at not in lengths:
            lengths[at] = 0  # a circle ends here
            chain.append(at)
            at = named[at]
        length = lengths.get(at, 0) if isinstance(at, str) else 0
        for name in reversed(chain):
            length += 1
            lengths[name] = length
        if length > MAX_REFERENCES_IN_A_ROW:
            raise _too_many(param, MAX_REFERENCES_IN_A_ROW, "$refs in a row", str(length))


def _check_grammar(text: str, param: str) -> None:
    rules = text.splitlines()
    if len(rules) > MAX_RULES:
        raise _too_many(param, MAX_RULES, "lines of a grammar", str(len(rules)))
    for rule in rules:
        words = len(rule.split())
        if words > MAX_WORDS_OF_A_RULE:
            raise _too_many(param, MAX_WORDS_OF_A_RULE, "words in a line of a grammar", str(words))


def _too_many(param: str, most: int, what: str, got: str) -> JobError:
    return JobError(400, f"{param}: expected at most {most} {what}, got {got}", param, "unsupported_schema")
