"""Runs jobs on an engine for vectors and scores, without a worker around it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.jobs import EmbedJob, RerankJob, Work
from shared.wire.payloads import Done, Failed, Payload, Scores, Vectors
from workers.embedding.gguf.factory import create
from workers.engine import Engine, EngineJob

REFERENCE = Path(__file__).parents[2] / "data" / "minilm_vectors.json"

Floats = NDArray[np.float32]


def reference() -> tuple[list[str], list[int], Floats]:
    """Texts, their numbers of tokens, and their vectors by sentence-transformers."""
    data = json.loads(REFERENCE.read_text())
    return data["texts"], data["tokens"], np.array(data["vectors"], np.float32)


@contextlib.contextmanager
def loaded(path: Path, *kinds: JobKind, **options: Any) -> Iterator[Engine]:
    """The engine of a model for the time of a ``with`` block."""
    engine = create(ModelSettings(name="m", kinds=kinds, engine="embedding", path=str(path), **options), 2, "cpu")
    try:
        engine.load(lambda fraction: None)
        yield engine
    finally:
        engine.close()


def events_of(engine: Engine, jobs: Sequence[EngineJob]) -> dict[str, list[Payload]]:
    """Submit jobs and run them to their ends; returns the events of each."""
    events: dict[str, list[Payload]] = {job.job_id: [] for job in jobs}
    for job in jobs:
        for job_id, payload in engine.submit(job):
            events[job_id].append(payload)
    while engine.has_work():
        for job_id, payload in engine.step():
            events[job_id].append(payload)
    return events


def run(engine: Engine, work: Work) -> list[Payload]:
    """The events of one job."""
    return events_of(engine, [EngineJob("job", work)])["job"]


def vectors_in(payloads: Sequence[Payload]) -> Floats:
    """The vectors of a job that has succeeded, in the order of its inputs."""
    assert isinstance(payloads[-1], Done), payloads[-1]
    rows: dict[int, Floats] = {}
    for payload in payloads:
        if isinstance(payload, Vectors):
            data = np.frombuffer(payload.data, "<f4").reshape(len(payload.indices), payload.dimensions)
            rows |= dict(zip(payload.indices, data, strict=True))
    return np.stack([rows[index] for index in range(len(rows))])


def embed(engine: Engine, inputs: list[Any], **options: Any) -> Floats:
    """The vectors of some inputs."""
    return vectors_in(run(engine, EmbedJob(inputs, **options)))


def scores_of(engine: Engine, query: str, documents: list[str], **options: Any) -> list[float]:
    """The scores of some documents."""
    payloads = run(engine, RerankJob(query, documents, **options))
    assert isinstance(payloads[-1], Done), payloads[-1]
    scores: dict[int, float] = {}
    for payload in payloads:
        if isinstance(payload, Scores):
            scores |= dict(zip(payload.indices, payload.values, strict=True))
    return [scores[index] for index in range(len(documents))]


def failure_of(engine: Engine, work: Work) -> Failed:
    """How a job ends that fails."""
    (failed,) = run(engine, work)
    assert isinstance(failed, Failed)
    return failed


def cosines(left: Floats, right: Floats) -> Floats:
    """The cosine of each pair of rows."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosine: Floats = (left * right).sum(axis=1) / lengths
    return cosine
