"""``/v1/rerank``: bodies, answers and errors."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from router.schemas.embeddings.rerank import MAX_DOCUMENTS
from shared.wire.jobs import RerankJob, Truncation
from tests.support.router.client import post
from tests.support.router.fake_broker import MODEL, FakeBroker

ROUTE = "/v1/rerank"
TEXT = 'a string or an object with "text"'
BODY: dict[str, Any] = {"query": "q", "documents": ["a", {"text": "b"}, "c"]}


def message_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
def test_results_are_sorted_by_their_scores(broker: FakeBroker, path: str) -> None:
    answer = post(broker, path, BODY).json()
    assert answer.pop("id").startswith("rerank-")
    assert answer == {
        "object": "list",
        "model": MODEL.name,
        "results": [
            {"index": 2, "relevance_score": 2 / 3},
            {"index": 1, "relevance_score": 1 / 3},
            {"index": 0, "relevance_score": 0.0},
        ],
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
        "meta": {"tokens": {"input_tokens": 9, "output_tokens": 0}},
    }


def test_documents_are_strings_or_objects_with_a_text(broker: FakeBroker) -> None:
    body = {**BODY, "query": {"text": "q"}, "truncate": "END", "max_tokens_per_doc": 7}
    assert post(broker, ROUTE, body).status_code == 200
    assert broker.jobs[-1].request.work == RerankJob("q", ["a", "b", "c"], Truncation.END, 7)


def test_the_best_with_their_documents(broker: FakeBroker) -> None:
    answer = post(broker, ROUTE, {**BODY, "top_n": 2, "return_documents": True}).json()
    assert answer["results"] == [
        {"index": 2, "relevance_score": 2 / 3, "document": {"text": "c"}},
        {"index": 1, "relevance_score": 1 / 3, "document": {"text": "b"}},
    ]


def test_more_than_all_of_the_best_are_all(broker: FakeBroker) -> None:
    assert len(post(broker, ROUTE, {**BODY, "top_n": 50}).json()["results"]) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"documents": []},
            'documents: expected a non-empty list, each item a string or an object with "text", got []',
        ),
        ({"documents": ["a", 1]}, "documents: expected a string or an object with \"text\", got ['a', 1]"),
        (
            {"documents": [{"image": "x"}]},
            "documents: expected a string or an object with \"text\", got [{'image': 'x'}]",
        ),
        ({"query": 1}, 'query: expected a string or an object with "text", got 1'),
        ({"query": None}, "query is required"),
        ({"top_n": 0}, "top_n: expected at least 1, got 0"),
        ({"max_tokens_per_doc": 0}, "max_tokens_per_doc: expected at least 1, got 0"),
        (
            {"documents": ["a"] * (MAX_DOCUMENTS + 1)},
            f"documents: expected at most {MAX_DOCUMENTS} documents, got {MAX_DOCUMENTS + 1}",
        ),
    ],
)
def test_wrong_bodies_are_refused(broker: FakeBroker, change: dict[str, Any], message: str) -> None:
    assert message_of(post(broker, ROUTE, {**BODY, **change})) == (400, message)
