"""Graphs of less precision, with half as many bits per number or a quarter; memory of long inputs."""

from __future__ import annotations

import json

import numpy as np
import psutil
import pytest

from shared.models.recognition import inspect_model
from shared.settings import ModelSettings
from shared.wire.jobs import Truncation
from tests.support.engines.encoding import cosines, embed
from tests.support.onnx.made_models import made_model
from workers.onnx.embedding.factory import create
from workers.onnx.embedding.graph import EncoderGraph
from workers.onnx.session import open_session


@pytest.mark.parametrize(("variant", "least"), [("model_fp16", 0.9999), ("model_quantized", 0.9)])
def test_vectors_of_less_precise_graphs(variant: str, least: float) -> None:
    folder = made_model("minilm")
    reference = json.loads((folder / "reference.json").read_text())
    found = inspect_model(folder / "onnx" / f"{variant}.onnx", onnx=True)
    engine = create(ModelSettings(name="m", kinds=found.kinds, engine=found.engine, path=str(found.path)), 2, "cpu")
    try:
        engine.load(lambda fraction: None)
        vectors = embed(engine, reference["texts"], truncate=Truncation.END)
    finally:
        engine.close()
    assert cosines(vectors, np.array(reference["vectors"], np.float32)).min() >= least


def test_a_long_input_gives_its_memory_back() -> None:
    session = open_session(made_model("encoders") / "last-qwen3" / "onnx" / "model.onnx", threads=2)
    graph = EncoderGraph(session, kept_tokens=512)
    graph.run([[7] * 512], graph.outputs)
    before = psutil.Process().memory_info().rss
    graph.run([[7] * 3000], graph.outputs)  # each of two layers takes 144 MB for its attention, several times
    assert psutil.Process().memory_info().rss - before < 64_000_000
