"""The thread that prepares jobs: a grammar may be as deep as its text is long, and must not end the process."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shared.wire.jobs import Constraint, ConstraintKind
from workers.llama.constraints.compiler import GrammarCompiler
from workers.llama.engine import preparing_thread

DEPTH = 3000
RULES = "".join(f'r{number} ::= r{number + 1} "x"\n' for number in range(DEPTH))
DEFINITIONS: dict[str, Any] = {
    str(number): {"type": "object", "properties": {"x": {"$ref": f"#/$defs/{number + 1}"}}} for number in range(DEPTH)
}


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint(ConstraintKind.GRAMMAR, f'root ::= r0\n{RULES}r{DEPTH} ::= "a"', "grammar"),
        Constraint(ConstraintKind.GRAMMAR, f'root ::= r0\n{RULES}r{DEPTH} ::= "a" | r0', "grammar"),
        Constraint(
            ConstraintKind.JSON_SCHEMA,
            {"$ref": "#/$defs/0", "$defs": {**DEFINITIONS, str(DEPTH): {"type": "integer"}}},
        ),
    ],
    ids=["rules in a chain", "rules in a cycle", "references of a schema"],
)
def test_a_deep_grammar_can_be_compiled(constraint: Constraint, compiler: GrammarCompiler) -> None:
    """With the usual stack each of them ends the process."""
    with preparing_thread() as thread:
        compiled = thread.submit(compiler.compile, constraint).result()
    assert compiled.allowed().any()


def test_other_threads_have_the_usual_stack() -> None:
    before = threading.stack_size()
    preparing_thread().shutdown()
    assert threading.stack_size() == before
