"""Keeps what can be enforced of numbers, texts and listed values."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from workers.text.constraints.enforcing.keywords import (
    FORMATS,
    INTEGER_FORMATS,
    NUMERIC,
    TEXTUAL,
    is_exact,
    is_number,
)
from workers.text.constraints.enforcing.oracle import refused
from workers.text.constraints.enforcing.values import all_exact, may_fit

MAX_MULTIPLE = 10_000
"""Larger divisors, in units of their last digit, take too long: the grammar has a state for each remainder."""

MAX_PLAIN = 1_000_000_000
"""Limits of numbers and lengths up to this need no trial."""

MAX_REPETITIONS = 1_000_000
"""Product of the counts within each other in a pattern. Patterns with more may take seconds for one token."""

_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|.", re.DOTALL)
"""An escape, a class, a count, or a character."""

Drop = Callable[[str], None]
"""Notes that a keyword was dropped."""


def kept_scalars(schema: dict[str, Any], types: frozenset[str], drop: Drop) -> dict[str, Any]:
    """The keywords of numbers and texts, of a schema that allows ``types``, that can be enforced together."""
    kept = dict[str, Any]()
    if "number" in types or "integer" in types:
        kept |= _numeric(schema, types, drop)
    if "string" in types:
        kept |= _textual(schema, drop)
    return kept


def kept_values(schema: dict[str, Any], siblings: dict[str, Any], drop: Drop) -> dict[str, Any]:
    """``const`` and ``enum`` without the values that the normalised siblings exclude."""
    kept = dict[str, Any]()
    for key in ("const", "enum"):
        if key not in schema:
            continue
        values = [schema[key]] if key == "const" else schema[key]
        if isinstance(values, list) and all(map(all_exact, values)):
            values = [value for value in values if may_fit(value, {**siblings, **kept}, lambda reference: {})]
            candidate: dict[str, Any] = {key: values if key == "enum" else schema[key]}
            if values and not (needs_oracle(siblings) and refused({**siblings, **kept, **candidate})):
                kept |= candidate
                continue
        drop(key)
    return kept


def needs_oracle(siblings: dict[str, Any]) -> bool:
    """Whether values must satisfy a keyword that only llguidance looks at."""
    return any(key in siblings for key in ("pattern", "format", "multipleOf"))


def _numeric(schema: dict[str, Any], types: frozenset[str], drop: Drop) -> dict[str, Any]:
    given = {key: schema[key] for key in NUMERIC if key in schema}
    for key, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(given.get(key), bool) and given.pop(key) and limit in given:  # as draft 4 has it
            given[key] = given.pop(limit)
    if isinstance(schema.get("format"), str) and types == {"integer"}:
        _tighten(given, schema["format"])
    kind = "integer" if "number" not in types else "number"
    usable = {key: value for key, value in given.items() if is_number(value) and _is_enforceable(key, value)}
    for key in [key for key in given if key not in usable]:
        drop(key)
    return _accepted({"type": kind}, usable, drop)


def _is_plain(keywords: dict[str, Any]) -> bool:
    """Whether it is clear that llguidance accepts these keywords."""
    if keywords.keys() <= {"minimum", "maximum"}:
        bounds = [keywords.get("minimum", -MAX_PLAIN), keywords.get("maximum", MAX_PLAIN)]
        return all(isinstance(bound, int) and abs(bound) <= MAX_PLAIN for bound in bounds) and bounds[0] <= bounds[1]
    if keywords.keys() <= {"minLength", "maxLength"}:
        least, most = keywords.get("minLength", 0), keywords.get("maxLength", MAX_PLAIN)
        return bool(least <= most <= MAX_PLAIN)
    return keywords.keys() == {"format"}


def _accepted(schema: dict[str, Any], keywords: dict[str, Any], drop: Drop) -> dict[str, Any]:
    """As many of the keywords as can be enforced together, the first ones first."""
    if _is_plain(keywords) or not refused({**schema, **keywords}):
        return keywords
    kept = dict[str, Any]()
    for key, value in keywords.items():
        if refused({**schema, **kept, key: value}):
            drop(key)
        else:
            kept[key] = value
    return kept


def _tighten(given: dict[str, Any], name: str) -> None:
    least, most = INTEGER_FORMATS.get(name, (None, None))
    for bound, key, exclusive, choose in (
        (least, "minimum", "exclusiveMinimum", max),
        (most, "maximum", "exclusiveMaximum", min),
    ):
        if bound is not None and is_number(given.get(key, bound)) and exclusive not in given:
            given[key] = choose(given.get(key, bound), bound)


def _is_enforceable(key: str, value: float) -> bool:
    if key != "multipleOf":
        return -(2**63) <= value < 2**63
    if not is_exact(value) or value <= 0:
        return False
    _, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    coefficient = int("".join(map(str, digits)))
    unit: int = 10 ** min(max(exponent, 0), 20)
    return coefficient * unit <= MAX_MULTIPLE


def _textual(schema: dict[str, Any], drop: Drop) -> dict[str, Any]:
    usable = dict[str, Any]()
    for key in TEXTUAL:
        if key not in schema:
            continue
        value = schema[key]
        if key == "format":
            is_usable = isinstance(value, str) and value in FORMATS
        elif key == "pattern":
            is_usable = isinstance(value, str) and _repetitions(value) <= MAX_REPETITIONS
        else:
            value = as_count(value)
            is_usable = value is not None
        if is_usable:
            usable[key] = value
        else:
            drop(key)
    return _accepted({"type": "string"}, usable, drop)


def _repetitions(pattern: str) -> int:
    """How often the part of a pattern that is counted most may be repeated, with the counts around it."""
    groups = [1]
    """The most repetitions so far, in each of the groups that are open."""
    last = 1
    """The same within what comes just before."""
    for piece in _PIECES.finditer(pattern):
        if piece[0] == "(":
            groups.append(1)
        elif piece[0] == ")":
            last = groups.pop() if len(groups) > 1 else last
        elif piece[1]:
            last *= max(int((piece[2] or piece[1])[:9]), 1)
        else:
            last = 1
        groups[-1] = max(groups[-1], last)
    return max(groups)


def as_count(value: Any) -> int | None:
    """A length as an integer; None if it is none."""
    if is_number(value) and value >= 0 and value == value // 1:
        return int(value)
    return None
