"""The option ``pooling`` of models in ONNX."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.engines.onnx.embedding import check_pooling
from shared.errors import ModelError
from shared.kinds import JobKind

GRAPH = Path("m/onnx/model.onnx")


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [(JobKind.EMBEDDING, "mean"), (JobKind.EMBEDDING, ""), (JobKind.RERANK, "rank"), (JobKind.RERANK, "")],
)
def test_what_the_model_does(kind: JobKind, pooling: str) -> None:
    check_pooling(GRAPH, (kind,), pooling)


def test_scores_need_a_classifier() -> None:
    with pytest.raises(ModelError, match=r"expected mean, cls or last for model\.onnx, an encoder, got 'rank'"):
        check_pooling(GRAPH, (JobKind.EMBEDDING,), "rank")


def test_a_classifier_gives_no_vectors() -> None:
    with pytest.raises(ModelError, match=r"pooling: expected rank for model\.onnx, a classifier, got 'cls'"):
        check_pooling(GRAPH, (JobKind.RERANK,), "cls")
