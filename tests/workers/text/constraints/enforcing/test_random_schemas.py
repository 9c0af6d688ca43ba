"""Whatever a schema says, what is enforced of it compiles, and demands no less where nothing was dropped."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing.exceptions import Unresolvable

from shared.wire.payloads import JobError
from tests.support.tool_schemas.random_odd import NAMES, sound_schemas, wrong_schemas
from tests.support.workers.constraint_walks import by_schema, some_text
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.enforcing.enforceable import enforceable
from workers.text.constraints.enforcing.oracle import refused
from workers.text.constraints.tool_schemas import prepare_tools

QUICK = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
INSTANCES = st.dictionaries(
    NAMES,
    st.recursive(
        st.none() | st.booleans() | st.integers(-4, 8) | st.sampled_from([2.5, "", "a", "abc", "12"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=4,
    ),
    max_size=3,
)


@QUICK
@given(sound_schemas)
def test_what_is_enforced_compiles(schema: dict[str, Any]) -> None:
    before = json.dumps(schema)
    found = enforceable(schema)
    assert not refused(found.schema)
    assert json.dumps(schema) == before
    assert enforceable(found.schema).dropped == []


@QUICK
@given(wrong_schemas)
def test_what_is_no_schema_at_all_fails_nothing(schema: Any) -> None:
    found = enforceable(schema)
    assert found.schema["type"] == "object"
    assert not refused(found.schema)


@QUICK
@given(sound_schemas, st.lists(INSTANCES, min_size=1, max_size=6))
def test_what_fits_the_enforced_schema_fits_the_given_one_unless_something_was_dropped(
    schema: dict[str, Any], instances: list[Any]
) -> None:
    found = enforceable(schema)
    if found.dropped:
        return
    enforced, whole = Draft202012Validator(found.schema), Draft202012Validator(schema)
    for instance in instances:
        try:
            assert whole.is_valid(instance) or not enforced.is_valid(instance)
        except (RecursionError, Unresolvable):  # a reference to itself, which other branches make harmless
            return


@settings(QUICK, max_examples=25)
@given(sound_schemas)
def test_what_is_drawn_fits_the_enforced_schema(
    compiler: GrammarCompiler, vocabulary: LlamaVocabulary, schema: dict[str, Any]
) -> None:
    prepared = prepare_tools([{"name": "f", "parameters": schema}], compiler).schemas["f"]
    constraint = by_schema(compiler, prepared)
    if constraint.closing() is not None:
        arguments = json.loads(some_text(constraint, vocabulary, random.Random(0)))
        Draft202012Validator(prepared).validate(arguments)


@QUICK
@given(sound_schemas)
def test_a_strict_function_is_refused_or_enforced_as_it_is(compiler: GrammarCompiler, schema: dict[str, Any]) -> None:
    function = {"name": "f", "parameters": schema, "strict": True}
    if enforceable(schema, compiler.refuses).dropped and compiler.refuses({"type": "object", **schema}):
        with pytest.raises(JobError, match=r"^tools: the parameters of 'f': "):
            prepare_tools([function], compiler)
    else:
        assert prepare_tools([function], compiler).schemas["f"]["type"] == "object"
