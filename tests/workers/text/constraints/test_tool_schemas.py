"""The functions of a request, prepared for constrained calls."""

from __future__ import annotations

import re
from typing import Any

import pytest

from shared.wire.payloads import JobError
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.tool_schemas import prepare_tools

PAGE: dict[str, Any] = {
    "name": "get_page",
    "parameters": {
        "type": "object",
        "properties": {"id": {"type": "string", "format": "json"}, "tags": {"type": "array", "uniqueItems": True}},
    },
}


def test_what_cannot_be_enforced_is_named_in_one_sentence_for_each_function(compiler: GrammarCompiler) -> None:
    prepared = prepare_tools([PAGE, {"name": "ping"}], compiler)
    assert prepared.warnings == [
        "tools: get_page: not enforced: parameters.properties.id.format, parameters.properties.tags.uniqueItems"
    ]
    assert set(prepared.schemas) == {"get_page", "ping"}


def test_a_strict_function_that_cannot_be_enforced_is_refused_by_name(compiler: GrammarCompiler) -> None:
    refused = "tools: the parameters of 'get_page': Unimplemented keys"
    strict = {**PAGE, "strict": True, "parameters": {"type": "array", "uniqueItems": True}}
    with pytest.raises(JobError, match=re.escape(refused)) as caught:
        prepare_tools([strict], compiler)
    assert (caught.value.failed.status, caught.value.failed.param) == (400, "tools")


@pytest.mark.parametrize("parameters", [{}, None, {"type": "object"}, {"type": "object", "properties": {}}])
def test_functions_without_parameters_are_fine(parameters: Any, compiler: GrammarCompiler) -> None:
    prepared = prepare_tools([{"name": "ping", "parameters": parameters, "strict": True}], compiler)
    assert prepared.warnings == []
    assert prepared.schemas["ping"]["type"] == "object"
