"""Whatever a client sends, the answer is 200 or a 4xx error object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from router.schemas.text.chat import ChatRequest
from router.schemas.text.completions import CompletionRequest
from router.schemas.text.function_calling import FunctionCallingRequest
from shared.wire.jobs import TextJob
from tests.support.any_json import json_values
from tests.support.requests.any_body import JSON, answered_or_refused
from tests.support.router.fake_broker import FakeBroker

MODELS: dict[str, type[BaseModel]] = {
    "/v1/completions": CompletionRequest,
    "/v1/chat/completions": ChatRequest,
    "/v1/function-calling": FunctionCallingRequest,
}
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "system"]), "content": st.text() | json_values}
    ),
    min_size=1,
    max_size=3,
)
tools = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function"), "function": st.fixed_dictionaries({"name": st.sampled_from(["a", "b"])})}
    ),
    max_size=2,
)


def bodies(path: str) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies close enough to valid ones that some pass."""
    fields = sorted(set(MODELS[path].model_fields) - {"prompt", "messages", "tools"})
    likely = {"prompt": st.text() | json_values, "messages": messages | json_values, "tools": tools | json_values}
    return st.builds(
        lambda base, extra: {**base, **extra},
        st.fixed_dictionaries(likely),
        st.dictionaries(st.sampled_from(fields), json_values | st.integers(-2, 20) | st.floats(0, 2), max_size=3),
    )


@pytest.mark.parametrize("path", sorted(MODELS))
def test_any_body_is_answered_or_refused(path: str) -> None:
    broker = FakeBroker()
    seen: set[int] = set()

    @settings(max_examples=150, deadline=None)
    @given(bodies(path) | json_values)
    @example({"messages": [{"role": "user", "content": "a"}], "prompt": "a"})
    @example([])
    def check(body: Any) -> None:
        seen.add(answered_or_refused(broker, path, (TextJob,), content=json.dumps(body), headers=JSON))

    check()
    assert {200, 400} <= seen
