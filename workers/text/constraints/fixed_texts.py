"""Finds the texts that the regular expressions of a grammar spell out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_TEXTS = 16

_LARK_REGEX = re.compile(r'"(?:[^"\\\n]|\\.)*"|/((?:[^/\\\n]|\\.)+)/')
"""A regular expression, or a string, in which a slash begins none."""

_LARK_SCHEMA_PATTERN = re.compile(r'"pattern": *("(?:[^"\\]|\\.)*")')
_LARK_SUFFIX = re.compile(r'\[suffix=("(?:[^"\\]|\\.)*")\]')
_NOT_FIXED = re.compile(r"\\.|\[(?:[^\]\\]|\\.)*\]|\{[\d, ]*\}", re.DOTALL)
"""Escapes, classes and counts."""

_TEXT = re.compile(r"[^\W_]{2,}")


def fixed_texts(grammar: str) -> list[str]:
    """Words of at least two letters or digits that occur in the regular expressions of a grammar in llguidance's form.

    A text that must contain one, as with ``.*done``, looks the same to llguidance before and after its first letters.
    """
    texts = [text for regex in _regexes(grammar) for text in _TEXT.findall(_NOT_FIXED.sub(" ", regex))]
    return list(dict.fromkeys([*_suffixes(grammar), *texts]))[:MAX_TEXTS]


def _suffixes(grammar: str) -> Iterator[str]:
    """The texts that end a lazy rule."""
    for suffix in _LARK_SUFFIX.findall(grammar):
        yield json.loads(suffix)


def _regexes(grammar: str) -> Iterator[str]:
    try:
        parts = json.loads(grammar)["grammars"]
    except ValueError:
        parts = [{"lark_grammar": grammar}]
    for part in parts:
        yield from _patterns(part.get("json_schema"))
        lark = part.get("lark_grammar") or ""
        yield from (regex for regex in _LARK_REGEX.findall(lark) if regex)
        yield from (json.loads(pattern) for pattern in _LARK_SCHEMA_PATTERN.findall(lark))


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _patterns(item)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "pattern" and isinstance(value, str):
                yield value
            elif key == "patternProperties" and isinstance(value, dict):
                yield from value
            yield from _patterns(value)
