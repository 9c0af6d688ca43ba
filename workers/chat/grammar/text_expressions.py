"""Regular expressions of the texts that a schema allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_ANYTHING = "(?s:.*)"
_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""An escape, a class, or a character."""

_SLASH_OR_ESCAPE = re.compile(r"\\.|/", re.DOTALL)


def text_expression(schema: dict[str, Any]) -> str:
    """What a schema's pattern or limits allow, as far as one can tell, as it stands between slashes."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and (expression := _whole(pattern)) is not None:
        return expression
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if least or most is not None:
        return f"(?s:.{{{least},{'' if most is None else most}}})"
    return _ANYTHING


def _whole(pattern: str) -> str | None:
    """An expression of the texts in which a pattern is found; None if it looks around itself."""
    expressions = []
    for pieces in _alternatives(pattern):
        begins, ends = pieces[:1] == ["^"], pieces[-1:] == ["$"]
        inner = pieces[begins : len(pieces) - ends]
        if any(piece in ("^", "$", "\\b", "\\B") for piece in inner):
            return None
        expressions.append(f"{'' if begins else _ANYTHING}({''.join(inner)}){'' if ends else _ANYTHING}")
    whole = "|".join(expressions)
    if any(odd in whole for odd in ("(?=", "(?!", "(?<")):
        return None
    return _SLASH_OR_ESCAPE.sub(lambda found: "\\/" if found[0] == "/" else found[0], whole)


def _alternatives(pattern: str) -> Iterator[list[str]]:
    """The pieces of each alternative of a pattern."""
    pieces, depth = list[str](), 0
    for found in _PIECES.finditer(pattern):
        piece = found[0]
        if piece == "|" and not depth:
            yield pieces
            pieces = []
            continue
        depth += (piece == "(") - (piece == ")")
        pieces.append(piece)
    yield pieces
