"""A long prompt beside streams with a real model: what each step holds. How long it takes is not measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.make_gguf.shapes.making import random_model
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Done, Payload
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.scheduling import prompt_order
from workers.text.scheduling.prefill_budget import TILE_TOKENS
from workers.text.scheduling.stream_pace import LOOK_EVERY

STREAMS = [f"stream{number}" for number in range(4)]
PROMPT = [1000 + number % 997 for number in range(1500)]


@pytest.fixture(params=["f16", "q8_0"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LlamaEngine]:
    """One for which prompts of 256 tokens are long, and in which tiles never fit between two steps of streams."""
    monkeypatch.setattr(prompt_order, "LONG_PROMPT_TOKENS", 256)
    native = LlamaCppOptions(cache_type_k=request.param, cache_type_v=request.param)
    path = random_model("random-tiny-1b-f16", lambda line: None)
    loaded = LlamaEngine(LlamaOptions(str(path), 2, 8, 2048, kv_tokens=4096, native=native, target_step_s=1e-4))
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


def ask(engine: LlamaEngine, job_id: str, prompt: list[int], max_tokens: int) -> None:
    job = TextJob(prompt_tokens=prompt, sampling=Sampling(temperature=0), max_tokens=max_tokens, ignore_eos=True)
    engine.submit(EngineJob(job_id, job, []))


def generated(engine: LlamaEngine) -> dict[str, int]:
    """How many tokens each stream has; their texts may come later."""
    return {name: engine._sequences[name].generated for name in STREAMS if name in engine._sequences}


def test_each_step_has_a_token_of_each_stream_and_few_of_the_prompt(engine: LlamaEngine) -> None:
    for number, stream in enumerate(STREAMS):
        ask(engine, stream, PROMPT[number * 40 : number * 40 + 30], 1900)
    while len(generated(engine)) < len(STREAMS) or not all(generated(engine).values()):
        engine.step()
    ask(engine, "long", PROMPT[:-400:-1], 4)
    while "long" not in engine._sequences or engine._sequences["long"].computed < 1:
        engine.step()
    long, parts = engine._sequences["long"], []
    while long.pending > TILE_TOKENS:
        before, tokens = long.computed, generated(engine)
        engine.step()
        assert generated(engine) == {name: count + 1 for name, count in tokens.items()}
        parts.append(long.computed - before)
    assert max(parts) < TILE_TOKENS - len(STREAMS)
    assert parts.count(0) <= 2 + len(parts) // LOOK_EVERY
    events: list[tuple[str, Payload]] = []
    while not any(job_id == "long" and isinstance(payload, Done) for job_id, payload in events):
        events = engine.step()
    for stream in STREAMS:
        engine.cancel(stream)


def test_a_long_prompt_alone_has_whole_batches(engine: LlamaEngine) -> None:
    ask(engine, "long", PROMPT, 4)
    while "long" not in engine._sequences:
        engine.step()
    assert engine._sequences["long"].computed in (0, 512)
    while engine.has_work():
        engine.step()
    assert engine.stats().steps <= 3 + 4
