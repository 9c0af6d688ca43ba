"""Whatever Ollama's clients send, the answer is 200 or a 4xx error of Ollama's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from router.schemas.ollama.chat import OllamaChatRequest
from router.schemas.ollama.generate import OllamaGenerateRequest
from router.schemas.ollama.options import OllamaOptions
from shared.wire.jobs import TextJob
from tests.support.any_json import json_values
from tests.support.requests.any_body import answered_or_refused
from tests.support.router.fake_broker import FakeBroker

MODELS: dict[str, type[BaseModel]] = {"/api/chat": OllamaChatRequest, "/api/generate": OllamaGenerateRequest}
OPTIONS = [*OllamaOptions.model_fields, "mirostat", "x"]
FIELDS = {
    "messages": st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "tool", "system"])},
            optional={
                "content": st.text() | json_values,
                "thinking": st.text(),
                "tool_name": st.text(),
                "tool_calls": st.just([{"function": {"name": "a", "arguments": {"b": 1}}}]) | json_values,
            },
        ),
        max_size=3,
    ),
    "prompt": st.text(),
    "options": st.dictionaries(st.sampled_from(OPTIONS), json_values, max_size=3),
    "format": st.just("json") | st.just({"type": "object"}) | json_values,
    "think": st.booleans() | st.sampled_from(["low", "max"]) | json_values,
    "keep_alive": st.sampled_from(["5m", -1, "1h2m", "x"]) | json_values,
    "stream": st.booleans(),
}


def bodies(path: str) -> st.SearchStrategy[Any]:
    """Bodies close enough to valid ones that some pass."""
    own = {name: values for name, values in FIELDS.items() if name in MODELS[path].model_fields}
    rest = sorted(MODELS[path].model_fields.keys() - own.keys())
    others = st.dictionaries(st.sampled_from(rest), json_values, max_size=2)
    return st.builds(lambda base, extra: {**base, **extra}, st.fixed_dictionaries({}, optional=own), others)


@pytest.mark.parametrize("path", sorted(MODELS))
def test_any_body_is_answered_or_refused(path: str) -> None:
    broker = FakeBroker()
    seen: set[int] = set()

    @settings(max_examples=150, deadline=None)
    @given(bodies(path) | json_values)
    @example({"model": "smol", "messages": [{"role": "user", "content": "a"}], "prompt": "a"})
    @example([])
    def check(body: Any) -> None:
        seen.add(
            answered_or_refused(
                broker, path, (TextJob,), message_of=lambda answer: answer["error"], content=json.dumps(body)
            )
        )

    check()
    assert {200, 400} <= seen
