"""Finds what the references in a schema lead to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from workers.text.constraints.enforcing.keywords import MAPS, VALUES, Path

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@dataclass(frozen=True, slots=True)
class Referred:
    """What a reference leads to."""

    schema: dict[str, Any]
    path: Path


class References:
    """The references within one schema, by pointer (``#/$defs/a``), anchor (``#a``) or id (``a.json``)."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._bases: dict[int, str] = {}
        self._named: dict[str, Referred] = {}
        self._dynamic: dict[str, int] = {}
        self._found: dict[tuple[str, str], Referred | None] = {}
        if isinstance(root, dict):
            self._index()
        self.targets = self._reachable_targets()
        """The ids (of Python) of the schemas that references lead to, as far as they matter."""

    def target(self, schema: dict[str, Any], keyword: str) -> Referred | None:
        """What the reference ``schema[keyword]`` leads to; None if there is nothing within the schema."""
        reference = schema.get(keyword)
        if not isinstance(reference, str) or (keyword == "$dynamicRef" and self._is_ambiguous(reference)):
            return None
        base = self._bases.get(id(schema), "")
        if (base, reference) not in self._found:
            found = self._find(base, reference)
            if found is None and base and reference.startswith("#"):
                found = self._find("", reference)
            self._found[base, reference] = found
        return self._found[base, reference]

    def _is_ambiguous(self, reference: str) -> bool:
        return self._dynamic.get(reference.rpartition("#")[2], 0) > 1

    def _index(self) -> None:
        """Note the base address of each part, and the parts with ids and anchors."""
        waiting: list[tuple[Any, str, Path]] = [(self._root, "", None)]
        self._named[""] = Referred(self._root, None)
        while waiting:
            part, base, path = waiting.pop()
            if isinstance(part, dict):
                base = _joined(base, part.get("$id", part.get("id")))
                self._bases[id(part)] = base
                self._named.setdefault(base, Referred(part, path))
                for keyword in ("$anchor", "$dynamicAnchor"):
                    if isinstance(anchor := part.get(keyword), str):
                        self._named.setdefault(f"{base}#{anchor}", Referred(part, path))
                        self._dynamic[anchor] = self._dynamic.get(anchor, 0) + (keyword == "$dynamicAnchor")
            waiting += [(child, base, place) for child, place in _parts(part, path)]

    def _find(self, base: str, reference: str) -> Referred | None:
        address = _joined(base, reference) if not reference.startswith("#") else base + reference
        if address in self._named:
            return self._named[address]
        document, fragment = urldefrag(address)
        whole = self._named.get(document)
        return _follow(whole, unquote(fragment)) if whole is not None else None

    def _reachable_targets(self) -> set[int]:
        targets = set[int]()
        waiting, seen = [self._root], set[int]()
        while waiting:
            part = waiting.pop()
            if id(part) in seen or not isinstance(part, dict | list):
                continue
            seen.add(id(part))
            if isinstance(part, dict):
                found = [self.target(part, keyword) for keyword in REFERENCES if keyword in part]
                led_to = [target.schema for target in found if target is not None]
                targets.update(map(id, led_to))
                waiting += led_to
            waiting += [child for child, _ in _parts(part, None)]
        return targets


def _parts(part: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """The lists and objects directly within a part of a schema, without values that are no schemas."""
    if isinstance(part, list):
        for at, child in enumerate(part):
            if isinstance(child, dict | list):
                yield child, (path, str(at))
    elif isinstance(part, dict):
        for key, child in part.items():
            if key in MAPS and isinstance(child, dict):
                for name, schema in child.items():
                    yield schema, ((path, key), str(name))
            elif key not in VALUES and isinstance(child, dict | list):
                yield child, (path, str(key))


def _joined(base: str, reference: Any) -> str:
    if not isinstance(reference, str):
        return base
    try:
        return urljoin(base, reference).removesuffix("#") or base
    except ValueError:
        return reference


def _follow(start: Referred, pointer: str) -> Referred | None:
    """Follow a JSON pointer."""
    part: Any = start.schema
    path = start.path
    if pointer and not pointer.startswith("/"):
        return None
    for name in pointer.split("/")[1:] if pointer != "/" else []:
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(part, dict) and name in part:
            part = part[name]
        elif isinstance(part, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(part):
            part = part[int(name[:9])]
        else:
            return None
        path = (path, name)
    if isinstance(part, bool):  # a schema too: of everything, or of nothing
        part = {} if part else {"not": {}}
    return Referred(part, path) if isinstance(part, dict) else None
