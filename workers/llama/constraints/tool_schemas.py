"""Prepares the schemas of a request's functions for constrained calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.wire.payloads import JobError
from workers.llama.constraints.compiler import GrammarCompiler
from workers.llama.constraints.enforcing.enforceable import enforceable
from workers.llama.constraints.schemas import close_objects


@dataclass(frozen=True, slots=True)
class PreparedTools:
    """What calls must satisfy.

    Attributes:
        schemas: the schema of each function's arguments, by its name: a closed object that can be enforced.
        warnings: one sentence for each function of whose schema a part was dropped.
    """

    schemas: dict[str, dict[str, Any]]
    warnings: list[str]


def prepare_tools(functions: Sequence[dict[str, Any]], compiler: GrammarCompiler) -> PreparedTools:
    """Make the schemas of functions enforceable.

    Args:
        functions: each with ``name`` and, if given, ``parameters`` and ``strict``.
        compiler: compiles schemas for the model's vocabulary.

    Raises:
        JobError: 400, the schema of a function with ``strict`` cannot be enforced; it names the function and the
            keyword.
    """
    schemas, warnings = dict[str, dict[str, Any]](), list[str]()
    for function in functions:
        name, parameters = function["name"], function.get("parameters") or {"properties": {}}
        found = enforceable(parameters)
        if function.get("strict"):
            _check_strict(compiler, name, parameters, found.dropped)
        if found.dropped:
            paths = ", ".join(f"parameters.{path}" for path in found.dropped)
            warnings.append(f"tools: {name}: not enforced: {paths}")
        schemas[name] = close_objects(found.schema)
    return PreparedTools(schemas, warnings)


def _check_strict(compiler: GrammarCompiler, name: str, parameters: Any, dropped: list[str]) -> None:
    try:
        compiler.check_schema({"type": "object", **parameters}, f"tools: the parameters of {name!r}")
    except JobError:
        if dropped:
            raise
