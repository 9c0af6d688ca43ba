"""Asks llguidance whether it can enforce a schema."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from llguidance import LLMatcher


def refused(schema: Any) -> bool:
    """Whether llguidance cannot compile a schema, or finds that no value satisfies it. Takes no vocabulary."""
    return _refused(json.dumps(schema))


@lru_cache(maxsize=4096)
def _refused(text: str) -> bool:
    try:
        grammar = LLMatcher.grammar_from_json_schema(text)
    except ValueError:
        return True
    is_error, _ = LLMatcher.validate_grammar_with_warnings(grammar)
    return bool(is_error)
