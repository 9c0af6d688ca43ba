"""What of a function's schema can be enforced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from workers.text.constraints.enforcing.containers import settle_counts
from workers.text.constraints.enforcing.keywords import Path
from workers.text.constraints.enforcing.normaliser import Normaliser
from workers.text.constraints.enforcing.oracle import refused
from workers.text.constraints.enforcing.parts import all_parts
from workers.text.constraints.enforcing.recursion import PREFIX, Recursion, references_in
from workers.text.constraints.enforcing.repair import Refused, Repair
from workers.text.constraints.enforcing.unions import Unions
from workers.text.constraints.schemas import close_objects


@dataclass(frozen=True, slots=True)
class Enforceable:
    """What can be enforced of a schema.

    Attributes:
        schema: a closed object that llguidance can compile, without annotations. What fits it fits the schema that was
            given, but for what was dropped.
        dropped: the keywords that are not enforced, each with its place: ``properties.tags.uniqueItems``.
    """

    schema: dict[str, Any]
    dropped: list[str]


def enforceable(schema: Any, is_refused: Refused = refused) -> Enforceable:
    """What can be enforced of the ``parameters`` of a function. Never fails, whatever they are.

    Args:
        schema: JSON Schema of any draft, as given by a client.
        is_refused: whether a schema without annotations cannot be compiled.
    """
    normal = Normaliser(schema)
    definitions = normal.definitions

    def definition(reference: str) -> Any:
        return definitions[reference.removeprefix(PREFIX)][0]

    _settle_unions(normal, Unions(definition))
    recursion = Recursion(definitions, normal.drop)
    recursion.open_endless(normal.root)
    recursion.open_deep(normal.root)
    whole = normal.root
    if definitions:
        whole = {**whole, "$defs": {name: part for name, (part, _) in definitions.items()}}
    closed = close_objects(whole)
    places = {name: path for name, (_, path) in definitions.items()}
    _settle_members(closed, places, normal.drop)
    repaired = Repair(is_refused, normal.drop).repaired(closed, places)
    return Enforceable(_with_used_definitions(repaired), list(normal.dropped))


def _settle_unions(normal: Normaliser, unions: Unions) -> None:
    """Write ``oneOf`` as ``anyOf``, which is the same where the branches exclude each other."""
    for schema, path in normal.unions:
        if not unions.are_apart(schema["oneOf"]):
            normal.drop(path, "oneOf")
        branches = {"anyOf": schema.pop("oneOf")}
        if "anyOf" in schema:
            schema["allOf"] = [*schema.get("allOf", []), branches]
        else:
            schema |= branches


def _settle_members(closed: dict[str, Any], places: dict[str, Path], drop: Callable[[Path, str], None]) -> None:
    definitions = [(part, places[name]) for name, part in closed.get("$defs", {}).items()]
    for whole, start in [(closed, None), *definitions]:
        for part, place in all_parts(whole, start):
            if "minProperties" in part or "maxProperties" in part:
                settle_counts(part, partial(drop, place))
            if part.get("additionalProperties") is False and "properties" in part:
                part["properties"] = {name: one for name, one in part["properties"].items() if one is not False}


def _with_used_definitions(root: dict[str, Any]) -> dict[str, Any]:
    definitions = root.pop("$defs", {})
    used = dict[str, Any]()
    waiting = list(references_in(root))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions[name]
            waiting += references_in(used[name])
    return {**root, "$defs": used} if used else root
