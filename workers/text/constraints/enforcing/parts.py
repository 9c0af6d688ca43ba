"""The schemas within a normalised schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workers.text.constraints.enforcing.keywords import BRANCHING, Path

BY_NAME = ("properties", "patternProperties")
IN_LISTS = ("prefixItems", *BRANCHING)
SINGLE = ("items", "additionalProperties")
_IN_ORDER = ("properties", "patternProperties", "additionalProperties", "prefixItems", "items", *BRANCHING)


def with_parts(schema: dict[str, Any], path: Path, change: Callable[[Any, Path], Any]) -> dict[str, Any]:
    """A copy of a schema whose parts, directly within it, were changed."""
    changed = dict(schema)
    for key in BY_NAME:
        if key in schema:
            changed[key] = {name: change(part, ((path, key), name)) for name, part in schema[key].items()}
    for key in IN_LISTS:
        if key in schema:
            changed[key] = [change(part, ((path, key), str(at))) for at, part in enumerate(schema[key])]
    for key in SINGLE:
        if key in schema:
            changed[key] = change(schema[key], (path, key))
    return changed


def parts_of(schema: dict[str, Any], path: Path) -> Iterator[tuple[Any, Path]]:
    """The schemas directly within one, with their places, in the order in which llguidance reads them."""
    for key in _IN_ORDER:
        if key not in schema:
            continue
        if key in BY_NAME:
            yield from ((part, ((path, key), name)) for name, part in schema[key].items())
        elif key in IN_LISTS:
            yield from ((part, ((path, key), str(at))) for at, part in enumerate(schema[key]))
        else:
            yield schema[key], (path, key)


def all_parts(schema: Any, path: Path = None) -> Iterator[tuple[dict[str, Any], Path]]:
    """A schema and all within it, with their places; not what it refers to."""
    waiting: list[tuple[Any, Path]] = [(schema, path)]
    while waiting:
        part, place = waiting.pop()
        if isinstance(part, dict):
            yield part, place
            waiting += parts_of(part, place)
