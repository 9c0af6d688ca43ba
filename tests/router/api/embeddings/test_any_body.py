"""Whatever a client sends to the endpoints for vectors and scores, the answer is 200 or a 4xx error object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from router.schemas.embeddings.embeddings import EmbeddingsRequest
from router.schemas.embeddings.rerank import RerankRequest
from shared.wire.jobs import EmbedJob, RerankJob
from tests.support.any_json import json_values
from tests.support.requests.any_body import JSON, answered_or_refused
from tests.support.router.fake_broker import FakeBroker

MODELS: dict[str, type[BaseModel]] = {"/v1/embeddings": EmbeddingsRequest, "/v1/rerank": RerankRequest}
ids = st.lists(st.integers(-1, 40_000) | st.floats(), max_size=4)
inputs = st.text() | st.lists(st.text(), max_size=3) | ids | st.lists(ids, max_size=3) | json_values
documents = st.lists(st.text() | st.fixed_dictionaries({"text": st.text() | json_values}), max_size=4) | json_values
values = json_values | st.integers(-2, 20) | st.floats(0, 2) | st.sampled_from(["none", "END", "base64", "float"])


def bodies(path: str) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies close enough to valid ones that some pass."""
    fields = sorted(set(MODELS[path].model_fields) - {"input", "query", "documents"})
    return st.builds(
        lambda base, extra: {**base, **extra},
        st.fixed_dictionaries({"input": inputs, "query": st.text() | json_values, "documents": documents}),
        st.dictionaries(st.sampled_from(fields), values, max_size=3),
    )


@pytest.mark.parametrize("path", sorted(MODELS))
def test_any_body_is_answered_or_refused(path: str, broker: FakeBroker) -> None:
    seen: set[int] = set()

    @settings(max_examples=150, deadline=None)
    @given(bodies(path) | json_values)
    @example({"input": "a", "query": "a", "documents": ["b"]})
    @example([])
    def check(body: Any) -> None:
        seen.add(answered_or_refused(broker, path, (EmbedJob, RerankJob), content=json.dumps(body), headers=JSON))

    check()
    assert {200, 400} <= seen
