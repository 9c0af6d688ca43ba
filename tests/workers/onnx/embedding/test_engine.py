"""Vectors and scores of tiny encoders whose results are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.models.recognition import inspect_model
from shared.settings import ModelSettings
from shared.wire.jobs import EmbedJob, RerankJob, Truncation
from shared.wire.payloads import Done, Failed, Started
from tests.support.engines.encoding import embed, failure_of, run, scores_of
from tests.support.onnx.encoder_folders import (
    APPLE,
    BLUE,
    CLS,
    GREEN,
    POSITION_TABLE,
    RED,
    SEP,
    TABLE,
    TYPE_TABLE,
    Array,
    EncoderFolderFiles,
    EncoderGraphFile,
    unit,
)
from workers.embedding.encoder import NOT_FINITE
from workers.engine import Emitted, Engine, EngineInfo, EngineJob, EngineLoadError
from workers.onnx.embedding.factory import create

POOLING = "1_Pooling/config.json"
TEXTS = ["red", "green blue apple red green", "blue apple", "", "red " * 9]
IDS = [
    [CLS, RED, SEP],
    [CLS, GREEN, BLUE, APPLE, RED, GREEN, SEP],
    [CLS, BLUE, APPLE, SEP],
    [CLS, SEP],
    [CLS, *[RED] * 9, SEP],
]
RERANKER = {"architectures": ["BertForSequenceClassification"], "vocab_size": 8}


@contextmanager
def engine_of(folder: Path, **options: Any) -> Iterator[tuple[Engine, EngineInfo]]:
    """The engine of a folder's model."""
    found = inspect_model(folder, onnx=True)
    settings = ModelSettings(name="m", kinds=found.kinds, engine=found.engine, path=str(found.path), **options)
    engine = create(settings, 1, "cpu")
    try:
        yield engine, engine.load(lambda fraction: None)
    finally:
        engine.close()


def vectors(folder: Path, files: EncoderFolderFiles, **options: Any) -> Array:
    with engine_of(files.write(folder / "m"), **options) as (engine, _):
        return embed(engine, TEXTS)


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("mean", [TABLE[ids].mean(axis=0) for ids in IDS]),
        ("cls", [TABLE[CLS] for _ in IDS]),
        ("lasttoken", [TABLE[SEP] for _ in IDS]),
    ],
)
def test_vectors_are_pooled_as_the_folder_says(tmp_path: Path, mode: str, rows: list[Array]) -> None:
    found = vectors(tmp_path, EncoderFolderFiles(files={POOLING: {"pooling_mode": mode}}))
    assert found == pytest.approx(unit(np.stack(rows)), abs=1e-6)


def test_pooling_of_a_folder_that_does_not_say_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = vectors(tmp_path, EncoderFolderFiles())
    assert found == pytest.approx(unit(np.stack([TABLE[ids].mean(axis=0) for ids in IDS])), abs=1e-6)
    assert "no file of the model says how it pools" in caplog.text


def test_vectors_that_the_graph_has_pooled_itself(tmp_path: Path) -> None:
    """Inputs of different lengths are not computed together here: this graph does not heed the mask."""
    graph = EncoderGraphFile("sentence_embedding", is_mean=True)
    with engine_of(EncoderFolderFiles(graph).write(tmp_path / "m")) as (engine, _):
        found = np.concatenate([embed(engine, [text]) for text in TEXTS])
    assert found == pytest.approx(unit(np.stack([TABLE[ids].mean(axis=0) for ids in IDS])), abs=1e-6)


@pytest.mark.parametrize(("integers", "floats", "error"), [("int32", "float", 1e-6), ("int64", "half", 2e-3)])
def test_graphs_of_other_types(tmp_path: Path, integers: str, floats: str, error: float) -> None:
    files = EncoderFolderFiles(EncoderGraphFile(integers=integers, floats=floats))
    found = vectors(tmp_path, files, pooling="mean")
    assert found == pytest.approx(unit(np.stack([TABLE[ids].mean(axis=0) for ids in IDS])), abs=error)


def test_positions_types_and_no_earlier_tokens_are_given_to_graphs_that_want_them(tmp_path: Path) -> None:
    graph = EncoderGraphFile(inputs=("input_ids", "position_ids", "token_type_ids"), past=True)
    found = vectors(tmp_path, EncoderFolderFiles(graph), pooling="mean")
    rows = [(TABLE[ids] + POSITION_TABLE[: len(ids)] + TYPE_TABLE[0]).mean(axis=0) for ids in IDS]
    assert found == pytest.approx(unit(np.stack(rows)), abs=1e-6)


def test_token_ids_and_dimensions(tmp_path: Path) -> None:
    with engine_of(EncoderFolderFiles().write(tmp_path / "m"), pooling="mean") as (engine, _):
        whole = embed(engine, [IDS[1], "green blue apple red green"])
        assert whole[0] == pytest.approx(whole[1], abs=1e-6)
        cut = embed(engine, [IDS[1]], dimensions=2)
        assert cut == pytest.approx(unit(whole[:1, :2]), abs=1e-6)
        told = failure_of(engine, EmbedJob([[8]])).message
        assert told == "input: expected token ids of this model, from 0 to 7, got 8"
        told = failure_of(engine, EmbedJob(["red"], dimensions=5)).message
        assert told == "dimensions: expected at most 4, the size of this model's vectors, got 5"


def test_an_input_that_the_graph_refuses_fails_alone(tmp_path: Path) -> None:
    graph = EncoderGraphFile(inputs=("input_ids", "position_ids"))  # its table has 16 positions, which nobody tells
    with engine_of(EncoderFolderFiles(graph).write(tmp_path / "m"), pooling="mean") as (engine, _):
        before = embed(engine, ["red green"])
        engine.submit(EngineJob("0", EmbedJob(["red " * 20])))
        engine.submit(EngineJob("1", EmbedJob(["red green"])))
        events: list[Emitted] = []
        while engine.has_work():
            events += engine.step()
        ends = {job_id: payload for job_id, payload in events if isinstance(payload, Done | Failed)}
        assert ends["0"] == NOT_FINITE
        assert isinstance(ends["1"], Done)
        assert embed(engine, ["red green"]) == pytest.approx(before)


def test_inputs_that_are_too_long(tmp_path: Path) -> None:
    files = EncoderFolderFiles(files={"sentence_bert_config.json": {"max_seq_length": 4}})
    with engine_of(files.write(tmp_path / "m"), pooling="mean") as (engine, info):
        assert (info.context_tokens, info.device, info.slots) == (4, "cpu", 64)
        failed = failure_of(engine, EmbedJob(["red green blue"]))
        assert (failed.status, failed.code) == (400, "context_length_exceeded")
        assert "at most 4 tokens (this model's maximum context length is 4 tokens), got 5" in failed.message
        for truncate, ids in (
            (Truncation.END, [CLS, RED, GREEN, SEP]),
            (Truncation.START, [CLS, GREEN, BLUE, SEP]),
        ):
            assert run(engine, EmbedJob(["red green blue"], truncate=truncate))[0] == Started(4, 0)
            found = embed(engine, ["red green blue"], truncate=truncate)
            assert found == pytest.approx(unit(TABLE[ids].mean(axis=0))[None], abs=1e-6)


@pytest.mark.parametrize("columns", [1, 2])
def test_scores_of_a_classifier_that_reads_types(tmp_path: Path, columns: int) -> None:
    graph = EncoderGraphFile("logits", ("input_ids", "token_type_ids"), is_mean=True, columns=columns)
    pair, types = [CLS, RED, GREEN, SEP, APPLE, SEP], [0, 0, 0, 0, 1, 1]
    logits = (TABLE[pair] + TYPE_TABLE[types])[:, :columns].mean(axis=0).astype(np.float64)
    expected = 1 / (1 + np.exp(-logits[0])) if columns == 1 else (np.exp(logits) / np.exp(logits).sum())[1]
    with engine_of(EncoderFolderFiles(graph, RERANKER).write(tmp_path / "m")) as (engine, _):
        assert scores_of(engine, "red green", ["apple"]) == pytest.approx([expected], abs=1e-6)
        (broken,) = scores_of(engine, "red [SEP] green", ["apple [SEP]"])
        assert 0 < broken < 1
        assert failure_of(engine, EmbedJob(["red"])).status == 400


def test_the_output_that_counts_is_named(tmp_path: Path) -> None:
    graph = EncoderGraphFile("logits", ("input_ids", "token_type_ids"), is_mean=True, columns=2)
    pair, types = [CLS, RED, SEP, APPLE, SEP], [0, 0, 0, 1, 1]
    logits = (TABLE[pair] + TYPE_TABLE[types])[:, :2].mean(axis=0).astype(np.float64)
    config = {**RERANKER, "id2label": {"0": "relevant", "1": "other"}}
    with engine_of(EncoderFolderFiles(graph, config).write(tmp_path / "m")) as (engine, _):
        (score,) = scores_of(engine, "red", ["apple"])
    assert score == pytest.approx(np.exp(logits[0]) / np.exp(logits).sum(), abs=1e-6)


def test_pairs_that_are_too_long(tmp_path: Path) -> None:
    graph = EncoderGraphFile("logits", is_mean=True, columns=1)
    with engine_of(EncoderFolderFiles(graph, RERANKER).write(tmp_path / "m"), context_tokens=6) as (engine, _):
        failed = failure_of(engine, RerankJob("red", ["apple", "apple blue green red"]))
        assert "documents[1] with the query: expected at most 6 tokens" in failed.message
        cut = scores_of(engine, "red", ["apple blue green red"], truncate=Truncation.END)
        assert cut == scores_of(engine, "red", ["apple blue"])


REFUSED = [
    (EncoderGraphFile(inputs=("input_ids", "task_id")), {}, "expected a graph with the inputs .* got one with task_id"),
    (EncoderGraphFile(inputs=("attention_mask", "token_type_ids")), {}, "expected a graph with the input input_ids"),
    (EncoderGraphFile(shape=(1, 128)), {}, r"expected a graph for any number of inputs .* got input_ids of \[1, 128\]"),
    (EncoderGraphFile("sentence_embedding", is_mean=True), {"pooling": "cls"}, "pooling: expected none for a graph"),
]


@pytest.mark.parametrize(("graph", "options", "told"), REFUSED)
def test_graphs_that_cannot_be_used(
    tmp_path: Path, graph: EncoderGraphFile, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(EngineLoadError, match=told), engine_of(EncoderFolderFiles(graph).write(tmp_path), **options):
        pass


def test_modules_that_the_graph_does_not_compute(tmp_path: Path) -> None:
    modules = [{"type": "x.Pooling", "path": "1_Pooling"}, {"type": "x.Dense", "path": "2_Dense"}]
    folder = EncoderFolderFiles(files={"modules.json": modules}).write(tmp_path / "m")
    with pytest.raises(EngineLoadError, match=r"modules\.json has Dense after the pooling"), engine_of(folder):
        pass


def test_a_classifier_of_many_classes_is_no_reranker(tmp_path: Path) -> None:
    graph = EncoderGraphFile("logits", is_mean=True, columns=3)
    folder = EncoderFolderFiles(graph, RERANKER).write(tmp_path / "m")
    with (
        pytest.raises(
            EngineLoadError, match="expected a reranker, whose classifier has 1 or 2 outputs, got one with 3"
        ),
        engine_of(folder),
    ):
        pass
