"""Opens the parts of a normalised schema that cannot be compiled after all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workers.text.constraints.enforcing.keywords import BRANCHING, OBJECT, Path
from workers.text.constraints.enforcing.parts import with_parts

MAX_TRIALS = 500
"""Schemas compiled to find the parts that fail. After that, whatever fails is opened whole."""

Refused = Callable[[Any], bool]
Drop = Callable[[Path, str], None]


class Repair:
    """Finds the smallest parts to drop.

    Args:
        refused: whether a schema cannot be enforced.
        drop: notes that a keyword of the schema at a path is not enforced.
    """

    def __init__(self, refused: Refused, drop: Drop) -> None:
        self._ask = refused
        self._drop = drop
        self._trials = 0
        self._open: dict[str, Any] = {}

    def repaired(self, root: dict[str, Any], places: dict[str, Path]) -> dict[str, Any]:
        """A schema without what cannot be enforced.

        Args:
            root: an object, with its ``$defs``.
            places: where each of these definitions came from.
        """
        if not self._ask(root):
            return root
        definitions = root.get("$defs", {})
        self._open = {name: {} for name in definitions}
        whole = {name: self._part(part, places.get(name)) for name, part in definitions.items()}
        body = self._part({key: part for key, part in root.items() if key != "$defs"}, None)
        body = {"type": "object", **body, **({"$defs": whole} if whole else {})}
        if not self._ask(body):
            return body
        return self._without_references(body, places)

    def _refused(self, part: Any) -> bool:
        """Whether a part fails, whatever it refers to."""
        self._trials += 1
        return self._ask({**part, "$defs": self._open} if self._open else part)

    def _part(self, part: Any, path: Path) -> Any:
        if not isinstance(part, dict) or not part:
            return part
        if self._trials >= MAX_TRIALS:
            for key in part:
                self._drop(path, key)
            return {}
        if not self._refused(part):
            return part
        inner = with_parts(part, path, self._part)
        return inner if not self._refused(inner) else self._with_fewer_keywords(inner, path)

    def _with_fewer_keywords(self, part: dict[str, Any], path: Path) -> dict[str, Any]:
        """Without one keyword, or as many as need be."""
        keywords = [key for key in part if key != "type"]
        for key in reversed(keywords):
            without = {name: value for name, value in part.items() if name != key}
            if not self._refused(without):
                self._drop(path, key)
                return without
        for key in reversed(keywords):
            self._drop(path, key)
            part = {name: value for name, value in part.items() if name != key}
            if not self._refused(part):
                return part
        self._drop(path, "type")
        return {}

    def _without_references(self, root: dict[str, Any], places: dict[str, Path]) -> dict[str, Any]:
        """Without what stands beside references; then without references; then open."""
        for alone in (True, False):
            noted: list[tuple[Path, str]] = []
            definitions = {
                name: _thinned(part, places.get(name), alone, noted) for name, part in root.get("$defs", {}).items()
            }
            body = _thinned({key: part for key, part in root.items() if key != "$defs"}, None, alone, noted)
            body = {**body, "type": "object", "$defs": definitions}
            if not self._ask(body):
                for path, key in noted:
                    self._drop(path, key)
                return body
        for key in root:
            if key in (*OBJECT, *BRANCHING, "$ref"):
                self._drop(None, key)
        return {"type": "object"}


def _thinned(part: Any, path: Path, alone: bool, noted: list[tuple[Path, str]]) -> Any:
    """Without what stands beside references or, unless they may stay ``alone``, without the references."""
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        if not alone:
            noted.append((path, "$ref"))
            part = {key: value for key, value in part.items() if key != "$ref"}
        elif len(part) > 1:
            noted.extend((path, key) for key in part if key != "$ref")
            return {"$ref": part["$ref"]}
    return with_parts(part, path, lambda inner, place: _thinned(inner, place, alone, noted))
