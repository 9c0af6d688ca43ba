"""Batches of any size: steps, and the parts of a step that are computed at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

COUNTING = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"


@pytest.mark.parametrize(("batch_size", "ubatch_size"), [(1, 0), (4, 3), (0, 8), (256, 256)])
def test_answers_do_not_depend_on_it(model_path: Path, batch_size: int, ubatch_size: int) -> None:
    settings = ModelSettings(
        name="m",
        kinds=(JobKind.TEXT,),
        engine="llama",
        path=str(model_path),
        context_tokens=128,
        slots=6,
        batch_size=batch_size,
        ubatch_size=ubatch_size,
    )
    options = LlamaOptions.of(settings, threads=2)
    assert options.batch_tokens == (batch_size or 512)
    engine = LlamaEngine(options)
    engine.load(lambda fraction: None)
    texts = {f"job{number}": "" for number in range(6)}  # more streams than tokens of a small batch
    for job_id in texts:
        engine.submit(EngineJob(job_id, TextJob(prompt=COUNTING, sampling=Sampling(temperature=0), max_tokens=12), []))
    while engine.has_work():
        for job_id, payload in engine.step():
            texts[job_id] += payload.text if isinstance(payload, Tokens) else ""
    engine.close()
    assert set(texts.values()) == {" 13, 14, 15,"}
