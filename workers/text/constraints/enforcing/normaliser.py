"""Writes a schema anew, with nothing in it but what llguidance enforces."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from workers.text.constraints.enforcing.containers import kept_array, kept_object, listed_names
from workers.text.constraints.enforcing.keywords import (
    BRANCHING,
    KIND_OF,
    NOT_ENFORCED,
    TYPES,
    Path,
    shown,
    types_of,
)
from workers.text.constraints.enforcing.references import REFERENCES, References, Referred
from workers.text.constraints.enforcing.scalars import kept_scalars, kept_values

MAX_DEPTH = 110
"""Of lists and objects within each other. What is deeper is left open; llguidance reads 128 levels."""

ROOT = "root"
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")


class Normaliser:
    """Normalises one schema, once.

    A normalised schema has keywords for the types that it allows only, tuples as ``prefixItems``, and references to
    ``$defs`` only. Annotations, and definitions that nothing refers to, are left out.

    Attributes:
        definitions: the normalised ``$defs`` by name, and where each came from.
        unions: the normalised schemas that have ``oneOf``, and where each came from.
        dropped: where parts were that cannot be enforced, each once.
    """

    def __init__(self, root: Any) -> None:
        self.definitions: dict[str, tuple[Any, Path]] = {}
        self.unions: list[tuple[dict[str, Any], Path]] = []
        self.dropped: dict[str, None] = {}
        self._references = References(root)
        self._names: dict[int, str] = {}
        self._finals: dict[int, Referred] = {}
        self._waiting: list[tuple[Referred, str]] = []
        self.root = self._root(root)
        while self._waiting:
            target, name = self._waiting.pop()
            if target.schema is not root:
                self.definitions[name] = (self._body(target.schema, target.path, 0), target.path)

    def drop(self, path: Path, keyword: str) -> None:
        """Note that a keyword of the schema at ``path`` is not enforced."""
        self.dropped[shown((path, keyword))] = None

    def _root(self, root: Any) -> dict[str, Any]:
        """The arguments of a function: an object."""
        final = self._final(root, None)
        schema, path = final.schema, final.path
        body: Any = self._body(schema, path, 0) if isinstance(schema, dict) else schema
        if body is False:
            self.dropped["false"] = None
        arguments: dict[str, Any] = body if isinstance(body, dict) else {}
        if "object" not in types_of(arguments):
            self.drop(path, "type")
            arguments = {}
        arguments["type"] = "object"
        if id(root) in self._references.targets:
            self.definitions[self._name(Referred(root, None))] = (arguments, None)
        return arguments

    def _final(self, schema: Any, path: Path) -> Referred:
        """What a schema leads to that is nothing but a reference, besides annotations; else itself."""
        passed = list[int]()
        while isinstance(schema, dict) and "$ref" in schema:
            if (known := self._finals.get(id(schema))) is not None:
                schema, path = known.schema, known.path
                break
            target = self._references.target(schema, "$ref")
            if target is None or any(key in KIND_OF or key in _OWN for key in schema.keys() - {"$ref"}):
                break
            self._finals[id(schema)] = Referred(schema, path)  # a circle ends here
            passed.append(id(schema))
            schema, path = target.schema, target.path
        final = Referred(schema, path)
        self._finals.update(dict.fromkeys(passed, final))
        return final

    def node(self, schema: Any, path: Path, depth: int) -> Any:
        """A normalised schema: a dict, or False."""
        if schema is True or schema is False:
            return {} if schema else False
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            self.dropped[shown(path)] = None
            return {}
        if id(schema) in self._references.targets:
            return {"$ref": f"#/$defs/{self._name(Referred(schema, path))}"}
        return self._body(schema, path, depth)

    def _name(self, target: Referred) -> str:
        """The name among the definitions of what a reference leads to."""
        target = self._final(target.schema, target.path)
        name = self._names.get(id(target.schema))
        if name is None:
            last = _ODD.sub("_", target.path[1])[:40] if target.path is not None else ROOT
            name = f"{last}.{len(self._names)}" if last in self._names.values() else last
            self._names[id(target.schema)] = name
            self._waiting.append((target, name))
        return name

    def _body(self, schema: dict[str, Any], path: Path, depth: int) -> Any:
        def drop(keyword: str) -> None:
            self.drop(path, keyword)

        if schema.get("not") in ({}, True) and "not" in schema:
            return False
        kept = self._type(schema, drop)
        types = types_of(kept)
        kept |= kept_scalars(schema, types, drop)
        if "array" in types:
            kept |= kept_array(schema, self._below(path, depth), drop)
        if "object" in types:
            kept |= kept_object(schema, self._below(path, depth), drop)
        kept |= kept_values(schema, kept, drop)
        kept |= self._referred(schema, drop)
        kept |= self._branches(schema, path, depth, drop)
        self._note_others(schema, types, drop)
        if "oneOf" in kept:
            self.unions.append((kept, path))
        return kept

    def _below(self, path: Path, depth: int) -> Callable[..., Any]:
        """Normalises the part of a schema that has this place in it."""

        def normalised(part: Any, *names: str) -> Any:
            place = path
            for name in names:
                place = (place, name)
            return self.node(part, place, depth + len(names))

        return normalised

    def _type(self, schema: dict[str, Any], drop: Callable[[str], None]) -> dict[str, Any]:
        if "type" not in schema:
            return {}
        given = schema["type"]
        names = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        types = [name.lower() for name in names if isinstance(name, str) and name.lower() in TYPES]
        if not types or len(types) < len(names):
            drop("type")
            return {}
        return {"type": types[0] if isinstance(given, str) else list(dict.fromkeys(types))}

    def _referred(self, schema: dict[str, Any], drop: Callable[[str], None]) -> dict[str, Any]:
        kept = dict[str, Any]()
        for keyword in REFERENCES:
            if keyword in schema:
                target = self._references.target(schema, keyword)
                if target is None or "$ref" in kept:
                    drop(keyword)
                else:
                    kept["$ref"] = f"#/$defs/{self._name(target)}"
        return kept

    def _branches(self, schema: dict[str, Any], path: Path, depth: int, drop: Callable[[str], None]) -> dict[str, Any]:
        kept = dict[str, Any]()
        for key in BRANCHING:
            if key not in schema:
                continue
            given = schema[key]
            if not isinstance(given, list) or not given:
                drop(key)
                continue
            branches = [self.node(part, ((path, key), str(at)), depth + 2) for at, part in enumerate(given)]
            if key == "allOf":
                possible = branches if False not in branches else []
            else:
                possible = [branch for branch in branches if branch is not False]
            if possible:
                kept[key] = possible
            else:
                drop(key)
        return kept

    def _note_others(self, schema: dict[str, Any], types: frozenset[str], drop: Callable[[str], None]) -> None:
        """Name what restricts the values of these types and is enforced by no grammar."""
        for key in schema:
            if key in NOT_ENFORCED and KIND_OF.get(key, "null") in {*types, "null"} and not _is_idle(schema, key):
                drop(key)


_OWN = {*BRANCHING, "type", "enum", "const", "not", "if"}
"""Keywords that make a schema more than a reference, besides those about one type."""


def _is_idle(schema: dict[str, Any], key: str) -> bool:
    """Whether a keyword restricts nothing."""
    value = schema[key]
    match key:
        case "not":
            return value is False
        case "if":
            return "then" not in schema and "else" not in schema
        case "uniqueItems":
            return value is False
        case "propertyNames":
            return value in ({}, True) or listed_names(schema) is not None
        case "contains":
            return schema.get("minContains") == 0 and "maxContains" not in schema
    return value is True or value == {}
