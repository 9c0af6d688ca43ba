"""Opens references that go in circles in a way that llguidance or any answer could not follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workers.text.constraints.enforcing.keywords import Path
from workers.text.constraints.enforcing.parts import all_parts, parts_of

MAX_ROUNDS = 20

MAX_NESTING = 300
"""Of schemas within each other, with those that are referred to. llguidance takes 10 kB of stack for each."""

PREFIX = "#/$defs/"


class Recursion:
    """The references between normalised definitions.

    Args:
        definitions: normalised, by name, and where each came from.
        drop: notes that a keyword of the schema at a path is not enforced.
    """

    def __init__(self, definitions: dict[str, tuple[Any, Path]], drop: Callable[[Path, str], None]) -> None:
        self._definitions = definitions
        self._drop = drop
        self._finite = set[str]()
        """Definitions that a finite value may satisfy."""

    def open_endless(self, root: Any) -> None:
        """Drop references that demand values within values without end."""
        waiting = self._after_their_parts()
        for _ in range(MAX_ROUNDS):
            found = [name for name in waiting if self._is_finite(self._definitions[name][0], name)]
            waiting = [name for name in waiting if name not in self._finite]
            if not found:
                break
        for name in waiting:
            schema, path = self._definitions[name]
            self._open(schema, path)
            self._finite.add(name)
        self._open(root, None)

    def open_deep(self, root: Any) -> None:
        """Drop references that lead too deep. llguidance follows each when it first meets it, on a stack."""
        seen = set[str]()
        waiting: list[tuple[Any, Path, int]] = [(root, None, 0)]
        while waiting:
            part, path, depth = waiting.pop()
            if not isinstance(part, dict):
                continue
            inner = [(one, place, depth + 1) for one, place in parts_of(part, path)]
            name = part.get("$ref", "").removeprefix(PREFIX)
            if name and name not in seen:
                if depth > MAX_NESTING:
                    del part["$ref"]
                    self._drop(path, "$ref")
                else:
                    seen.add(name)
                    inner.append((*self._definitions[name], depth + 1))
            waiting += reversed(inner)

    def _after_their_parts(self) -> list[str]:
        """The names of definitions, each after those that it refers to, where that is possible."""
        ordered = dict[str, None]()
        seen = set[str]()
        for start in self._definitions:
            stack = [] if start in seen else [(start, self._named(start))]
            seen.add(start)
            while stack:
                name, rest = stack[-1]
                following = next((other for other in rest if other not in seen), None)
                if following is None:
                    ordered[name] = None
                    stack.pop()
                else:
                    seen.add(following)
                    stack.append((following, self._named(following)))
        return list(ordered)

    def _named(self, name: str) -> Iterator[str]:
        return references_in(self._definitions[name][0])

    def _is_finite(self, schema: Any, name: str = "") -> bool:
        """Whether a finite value may satisfy a schema, as far as is known."""
        finite = schema is not False and (not isinstance(schema, dict) or self._has_finite_parts(schema))
        if finite and name:
            self._finite.add(name)
        return finite

    def _has_finite_parts(self, schema: dict[str, Any]) -> bool:
        if "$ref" in schema and schema["$ref"].removeprefix(PREFIX) not in self._finite:
            return False
        if not all(self._is_finite(part) for part, _ in _demanded(schema, None)):
            return False
        return all(any(map(self._is_finite, schema[key])) for key in ("anyOf", "oneOf") if key in schema)

    def _open(self, schema: Any, path: Path) -> None:
        """Drop the references in a schema that no finite value satisfies."""
        if not isinstance(schema, dict) or self._is_finite(schema):
            return
        if "$ref" in schema and schema["$ref"].removeprefix(PREFIX) not in self._finite:
            del schema["$ref"]
            self._drop(path, "$ref")
        for part, place in _demanded(schema, path):
            self._open(part, place)
        for key in ("anyOf", "oneOf"):
            if key in schema and not any(map(self._is_finite, schema[key])):
                self._open(schema[key][0], ((path, key), "0"))


def _demanded(schema: dict[str, Any], path: Path) -> Iterator[tuple[Any, Path]]:
    """The parts that any value of a schema has."""
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        for name in schema.get("required", []):
            if name in properties:
                yield properties[name], ((path, "properties"), name)
            elif "patternProperties" not in schema:
                yield schema.get("additionalProperties", {}), (path, "additionalProperties")
    if schema.get("type") == "array" and (least := schema.get("minItems", 0)):
        prefix = schema.get("prefixItems", [])
        for at, part in enumerate(prefix[:least]):
            yield part, ((path, "prefixItems"), str(at))
        if least > len(prefix):
            yield schema.get("items", {}), (path, "items")
    for at, part in enumerate(schema.get("allOf", [])):
        yield part, ((path, "allOf"), str(at))


def references_in(schema: Any) -> Iterator[str]:
    """The names of the definitions that a schema refers to."""
    for part, _ in all_parts(schema):
        if "$ref" in part:
            yield part["$ref"].removeprefix(PREFIX)
