"""Users share the text engine with the real weights: who is computed first, who is interrupted, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Done, FinishReason, Started, Tokens
from workers.engine import Emitted, EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    """An engine whose cells are enough for one long prompt."""
    options = LlamaOptions(str(model_path), threads=2, slots=8, context_tokens=512, kv_tokens=512, batch_tokens=128)
    loaded = LlamaEngine(options)
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


def prompt_of(number: int, tokens: int) -> list[int]:
    return [1000 + (7 * position + 101 * number) % 5000 for position in range(tokens)]


def submit(engine: LlamaEngine, name: str, tokens: int, max_tokens: int, user: str) -> None:
    work = TextJob(
        prompt_tokens=prompt_of(sum(name.encode()), tokens), sampling=GREEDY, max_tokens=max_tokens, ignore_eos=True
    )
    engine.submit(EngineJob(name, work, user=user))


def run_until(engine: LlamaEngine, name: str, kind: type[Started | Tokens | Done], seen: list[Emitted]) -> None:
    """Step until the engine has emitted this kind of event for a job; without work, the test fails."""
    while not any(job_id == name and isinstance(payload, kind) for job_id, payload in seen):
        assert engine.has_work()
        seen += engine.step()


def order_of(seen: list[Emitted], kind: type[Started | Tokens | Done]) -> list[str]:
    return [job_id for job_id, payload in seen if isinstance(payload, kind)]


def test_a_small_request_does_not_wait_for_the_long_prompts_of_another_user(engine: LlamaEngine) -> None:
    seen: list[Emitted] = []
    for number in range(5):
        submit(engine, f"heavy {number}", 400, 4, "heavy")
    run_until(engine, "heavy 0", Started, seen)
    submit(engine, "light", 20, 3, "light")
    run_until(engine, "light", Done, seen)
    assert order_of(seen, Started) == ["heavy 0", "light"]
    assert order_of(seen, Done)[0] == "light"
    run_until(engine, "heavy 4", Done, seen)
    assert order_of(seen, Done) == ["light", *(f"heavy {number}" for number in range(5))]


def test_a_small_request_is_in_the_step_after_it_came(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.text.engine.PREPARING_WAIT_S", 10.0)
    seen: list[Emitted] = []
    submit(engine, "heavy", 400, 4, "heavy")
    run_until(engine, "heavy", Started, seen)
    steps = engine.stats().steps
    submit(engine, "light", 20, 3, "light")
    run_until(engine, "light", Tokens, seen)
    assert engine.stats().steps == steps + 1
    run_until(engine, "heavy", Done, seen)


def test_an_interrupted_answer_goes_on_and_its_prompt_is_not_computed_again(engine: LlamaEngine) -> None:
    seen: list[Emitted] = []
    before = engine.stats().preemptions
    for number in range(2):
        submit(engine, f"stream {number}", 150, 40, "heavy")
    run_until(engine, "stream 1", Tokens, seen)
    submit(engine, "light", 200, 3, "light")
    run_until(engine, "light", Done, seen)
    assert (engine.stats().preemptions, order_of(seen, Done)) == (before + 1, ["light"])
    interrupted = engine._sequences["stream 1"]
    run_until(engine, "stream 1", Done, seen)
    assert interrupted.guarded_until == interrupted.reached  # it lost nothing
    tokens = {
        name: sum(len(p.token_ids) for job, p in seen if job == name and isinstance(p, Tokens)) for name, _ in seen
    }
    assert tokens == {"stream 0": 40, "stream 1": 40, "light": 3}
    assert {payload.finish_reason for _, payload in seen if isinstance(payload, Done)} == {FinishReason.LENGTH}
