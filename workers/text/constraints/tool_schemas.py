"""Prepares the schemas of a request's functions for constrained calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.wire.payloads import JobError
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.enforcing.enforceable import enforceable

MAX_NAMED = 8
"""Parts of one function's schema that a warning names. The others are counted."""


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
        found = enforceable(parameters, compiler.refuses)
        if function.get("strict"):
            _check_strict(compiler, name, parameters, found.dropped)
        if found.dropped:
            warnings.append(_warning(name, found.dropped))
        schemas[name] = found.schema
    return PreparedTools(schemas, warnings)


def _warning(name: str, dropped: list[str]) -> str:
    named = [f"parameters.{path}" for path in dropped[:MAX_NAMED]]
    if len(dropped) > MAX_NAMED:
        named.append(f"and {len(dropped) - MAX_NAMED} more")
    return f"tools: {name}: not enforced: {', '.join(named)}"


def _check_strict(compiler: GrammarCompiler, name: str, parameters: Any, dropped: list[str]) -> None:
    try:
        schema = {"type": "object", **parameters} if isinstance(parameters, dict) else parameters
        compiler.check_schema(schema, f"tools: the parameters of {name!r}")
    except JobError:
        if dropped:
            raise
