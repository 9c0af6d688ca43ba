"""Engines that draft as much as they can, over a model without rounding: a hash function of the last token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.settings.text.speculation import Speculate
from shared.wire.jobs import TextJob
from shared.wire.payloads import Done, Payload, Tokens
from tests.support.engines.hashed_decoder import HashedDecoder
from workers.engine import Engine, EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.text.speculation import speculation
from workers.text.speculation.lengths import DraftCandidate
from workers.text.speculation.options import SpeculationOptions
from workers.text.speculation.speculation import Speculation


def hashed_engine(
    model_path: Path,
    speculate: Speculate,
    decoder: Callable[[int], HashedDecoder] = HashedDecoder,
    **options: Any,
) -> Iterator[LlamaEngine]:
    """An engine, closed afterwards. ``decoder`` makes its decoders, and those of its draft model, for a vocabulary."""
    with pytest.MonkeyPatch.context() as patch:
        model = LlamaModel(str(model_path), LlamaOptions(str(model_path), 1, 1).native, lambda _: None)
        vocabulary_size = model.vocabulary.size
        model.close()
        patch.setattr(LlamaModel, "open_decoder", lambda _model, _size: decoder(vocabulary_size))
        asked = SpeculationOptions(speculate, str(model_path), draft_tokens=6)
        given: dict[str, Any] = {"slots": 4, "context_tokens": 512, "speculation": asked, **options}
        loaded = LlamaEngine(LlamaOptions(str(model_path), 2, **given))
        loaded.load(lambda _fraction: None)
        yield loaded
        loaded.close()


def draft_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts as long as possible, whatever they cost."""

    def longest(_self: Speculation, candidates: list[DraftCandidate], _scheduled: object) -> list[int]:
        return [candidate.most for candidate in candidates]

    monkeypatch.setattr(Speculation, "_lengths", longest)
    monkeypatch.setattr(speculation, "MIN_STEPS", 0)


def run(engine: Engine, jobs: dict[str, TextJob], begun: dict[str, list[int]] | None = None) -> Any:
    """What was said to each job: its parts, and how it ended."""
    payloads: dict[str, list[Payload]] = {job_id: [] for job_id in jobs}
    for job_id, job in jobs.items():
        engine.submit(EngineJob(job_id, job, (begun or {}).get(job_id, [])))
    while engine.has_work():
        for job_id, payload in engine.step():
            payloads[job_id].append(payload)
    return {job_id: _said(each) for job_id, each in payloads.items()}


def _said(payloads: list[Payload]) -> tuple[Any, ...]:
    parts = [(p.text, p.token_ids, p.logprobs, p.tool_calls, p.reasoning) for p in payloads if isinstance(p, Tokens)]
    *_, end = payloads
    assert isinstance(end, Done), end
    return parts, end.finish_reason, end.completion_tokens, end.reasoning_tokens, end.stop
