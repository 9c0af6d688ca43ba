"""Limits of schemas and grammars before they are compiled."""

from __future__ import annotations

from typing import Any

import pytest

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError
from tests.support.workers.json_schemas import PERSON
from workers.text.constraints.limits import check_sizes


def chain(length: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {str(n): {"$ref": f"#/$defs/{n + 1}"} for n in range(length)}
    return {"$ref": "#/$defs/0", "$defs": {**definitions, str(length): {"type": "integer"}}}


def nested(depth: int) -> Any:
    schema: Any = {}
    for _ in range(depth):
        schema = [schema]
    return schema


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (ConstraintKind.JSON_SCHEMA, chain(4000), r"expected at most 1000 \$refs in a row, got 4001"),
        (ConstraintKind.JSON_SCHEMA, nested(200), "expected at most 128 levels of a schema, got more"),
        (ConstraintKind.JSON_SCHEMA, {"enum": [0] * 60_000}, "expected at most 50000 parts of a schema, got more"),
        (ConstraintKind.GRAMMAR, "start: " + '"a"? ' * 20_000, "10000 words in a line of a grammar, got 20001"),
        (ConstraintKind.GRAMMAR, "r: a\n" * 20_000, "expected at most 10000 lines of a grammar, got 20000"),
    ],
)
def test_what_is_larger_than_any_use_is_refused(kind: ConstraintKind, value: Any, message: str) -> None:
    with pytest.raises(JobError, match=message) as refused:
        check_sizes(Constraint(kind, value, "field"), [], "field")
    assert (refused.value.failed.status, refused.value.failed.param) == (400, "field")


def test_the_parameters_of_functions_have_the_same_limits() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": chain(4000)}}
    with pytest.raises(JobError, match=r"^tools: expected at most 1000 \$refs"):
        check_sizes(None, [tool], "tools")


@pytest.mark.parametrize(
    "schema",
    [PERSON, True, {}, chain(900), {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, {"$defs": 3}],
    ids=["object", "true", "empty", "references", "a circle", "not a schema"],
)
def test_others_are_compiled(schema: Any) -> None:
    check_sizes(Constraint(ConstraintKind.JSON_SCHEMA, schema), [], "response_format")
