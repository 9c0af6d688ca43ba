"""Bodies of function calling."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.text.function_calling import FunctionCallingRequest
from shared.wire.jobs import ToolChoice
from tests.support.router.text_bodies import CHAT, TOOL, refusal


def test_function_calling_always_calls_once_and_greedily() -> None:
    (job,) = FunctionCallingRequest.model_validate({**CHAT, "tools": [TOOL], "tool_choice": "auto"}).to_jobs()
    assert job.tool_choice is ToolChoice.REQUIRED
    assert job.sampling.temperature == 0
    assert not job.parallel_tool_calls


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "tools"), ({"tools": []}, "tools"), ({"tools": [TOOL], "tool_choice": "none"}, "tool_choice")],
)
def test_function_calling_without_a_function_to_call(body: dict[str, Any], param: str) -> None:
    error = refusal(FunctionCallingRequest, {**CHAT, **body})
    assert (error.status, error.param) == (400, param)


def test_all_of_a_schema_must_be_enforced_in_function_calling() -> None:
    tools = [{"type": "function", "function": {"name": name, "strict": False}} for name in "fg"]
    (job,) = FunctionCallingRequest.model_validate({**CHAT, "tools": tools}).to_jobs()
    assert [tool["function"]["strict"] for tool in job.tools] == [True, True]
