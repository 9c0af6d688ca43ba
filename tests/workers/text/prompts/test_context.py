"""Prompts behind an earlier conversation, in the whole text engine with the real vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Failed, Payload, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

CONTEXT = 256
ASKED = [{"role": "user", "content": "My name is Ann."}]
ASKED_AGAIN = [{"role": "user", "content": "What is my name?"}]
GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    loaded = LlamaEngine(LlamaOptions(str(model_path), threads=2, slots=1, context_tokens=CONTEXT))
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


def payloads(engine: LlamaEngine, job: TextJob) -> list[Payload]:
    engine.submit(EngineJob("job", job))
    emitted = []
    while engine.has_work():
        emitted += [payload for _, payload in engine.step()]
    return emitted


def begun(engine: LlamaEngine, job: TextJob) -> Started:
    return next(payload for payload in payloads(engine, job) if isinstance(payload, Started))


def test_a_job_tells_its_prompt_if_it_is_asked_to(engine: LlamaEngine) -> None:
    told = begun(engine, TextJob(messages=ASKED, max_tokens=1, tells_prompt=True))
    assert len(told.prompt_ids) == told.prompt_tokens > 0
    assert begun(engine, TextJob(messages=ASKED, max_tokens=1)).prompt_ids == []


def test_a_conversation_goes_on_behind_its_context(engine: LlamaEngine) -> None:
    first = payloads(engine, TextJob(messages=ASKED, sampling=GREEDY, max_tokens=8, tells_prompt=True))
    context = [*first[0].prompt_ids] if isinstance(first[0], Started) else []
    context += [token for payload in first if isinstance(payload, Tokens) for token in payload.token_ids]
    alone = begun(engine, TextJob(messages=ASKED_AGAIN, max_tokens=1, tells_prompt=True))
    job = TextJob(messages=ASKED_AGAIN, max_tokens=1, tells_prompt=True, context_tokens=context)
    after = begun(engine, job)
    assert after.prompt_ids == [*context, *alone.prompt_ids[1:]]  # without a second <|im_start|>, which is its BOS
    assert after.cached_tokens >= len(context) - 1  # it is still in the cache


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ([10**6], "context: expected token ids from 0 to 49151, got 1000000"),
        ([7] * CONTEXT, f"This model's maximum context length is {CONTEXT} tokens. However, your messages resulted in"),
    ],
)
def test_a_wrong_context_is_refused(engine: LlamaEngine, context: list[int], message: str) -> None:
    (failed,) = payloads(engine, TextJob(messages=ASKED, context_tokens=context))
    assert isinstance(failed, Failed)
    assert (failed.status, failed.message.startswith(message)) == (400, True), failed.message
