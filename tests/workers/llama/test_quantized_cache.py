"""The text engine with a quantized KV cache and real weights: shared prefixes, ended chats, a full cache, failover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Done, Payload, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

COUNTING = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"
GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module", params=["q8_0", "q4_0"])
def engine(request: pytest.FixtureRequest, model_path: Path) -> Iterator[LlamaEngine]:
    """An engine whose cache holds one context."""
    native = LlamaCppOptions(cache_type_k=request.param, cache_type_v=request.param)
    options = LlamaOptions(str(model_path), threads=2, slots=6, context_tokens=384, kv_tokens=384, native=native)
    loaded = LlamaEngine(options)
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


def answers(engine: LlamaEngine, *jobs: TextJob, generated: list[int] | None = None) -> list[list[Payload]]:
    """The payloads of each job, all submitted at once."""
    payloads: dict[str, list[Payload]] = {f"job{number}": [] for number in range(len(jobs))}
    for job_id, job in zip(payloads, jobs, strict=True):
        engine.submit(EngineJob(job_id, job, generated or []))
    while engine.has_work():
        for job_id, payload in engine.step():
            payloads[job_id].append(payload)
    return list(payloads.values())


def text_of(payloads: list[Payload]) -> str:
    return "".join(payload.text for payload in payloads if isinstance(payload, Tokens))


def ids_of(payloads: list[Payload]) -> list[int]:
    return [token for payload in payloads if isinstance(payload, Tokens) for token in payload.token_ids]


def counting(max_tokens: int) -> TextJob:
    return TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=max_tokens)


def test_sequences_that_share_a_prefix_write_what_one_alone_writes(engine: LlamaEngine) -> None:
    engine._cache.clear_kept()
    (alone,) = answers(engine, counting(24))
    assert text_of(alone).startswith(" 13, 14, 15,")
    shared = answers(engine, *[counting(24) for _ in range(4)])
    assert [text_of(answer) for answer in shared] == [text_of(alone)] * 4
    starts = [answer[0] for answer in shared if isinstance(answer[0], Started)]
    assert [start.cached_tokens > 8 for start in starts] == [True] * 4


def test_an_ended_chat_goes_on_from_main_memory(engine: LlamaEngine) -> None:
    (first,) = answers(engine, counting(40))
    longer = TextJob(prompt=COUNTING + text_of(first), sampling=GREEDY, max_tokens=20)
    (from_cache,) = answers(engine, longer)
    engine._cache.clear_kept()
    assert engine._cache.used_cells == 0
    (from_memory,) = answers(engine, longer)
    assert isinstance(from_memory[0], Started)
    assert from_memory[0].cached_tokens > 64
    assert text_of(from_memory) == text_of(from_cache)


def test_a_preempted_text_is_continued(engine: LlamaEngine) -> None:
    (alone,) = answers(engine, counting(90))
    before = engine.stats().preemptions
    others = [TextJob(prompt=f"Tale {number}:", max_tokens=90, ignore_eos=True) for number in range(5)]
    *told, counted = answers(engine, *others, counting(90))
    assert text_of(counted) == text_of(alone)
    assert engine.stats().preemptions > before
    assert all(isinstance(answer[-1], Done) and answer[-1].completion_tokens == 90 for answer in told)


@pytest.mark.parametrize("cut", [1, 11])
def test_another_engine_continues_from_the_tokens_already_sent(engine: LlamaEngine, cut: int) -> None:
    (whole,) = answers(engine, counting(24))
    engine._cache.clear_kept()
    (rest,) = answers(engine, counting(24), generated=ids_of(whole)[:cut])
    assert ids_of(whole)[:cut] + ids_of(rest) == ids_of(whole)
