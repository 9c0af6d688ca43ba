"""Log probabilities of an echoed prompt: the same values in chunks, with a warm cache, in company, after a failover."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Done, FinishReason, Payload, Started, TokenLogprob, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.scheduling.prompt_parts import MAX_ECHOED_TOKENS

GREEDY = Sampling(temperature=0)
LONG = "One day a fox met a crow that held a piece of cheese in its beak. " * 12
SCORED = TextJob(prompt=LONG, sampling=GREEDY, max_tokens=1, top_logprobs=2, echo=True)


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    """An engine whose cache holds one context."""
    options = LlamaOptions(str(model_path), threads=2, slots=4, context_tokens=512, kv_tokens=512)
    loaded = LlamaEngine(options)
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


def run(engine: LlamaEngine, *jobs: TextJob, delivered: int = 0, begun: Started | None = None) -> list[list[Payload]]:
    """The payloads of each job, all submitted at once."""
    payloads: dict[str, list[Payload]] = {f"job{i}": [] for i in range(len(jobs))}
    for job_id, job in zip(payloads, jobs, strict=True):
        engine.submit(EngineJob(job_id, job, delivered=delivered, begun=begun))
    while engine.has_work():
        for job_id, payload in engine.step():
            payloads[job_id].append(payload)
    return list(payloads.values())


def rows_of(payloads: list[Payload]) -> list[TokenLogprob]:
    return [row for payload in payloads if isinstance(payload, Tokens) for row in payload.logprobs]


def text_of(payloads: list[Payload]) -> str:
    return "".join(payload.text for payload in payloads if isinstance(payload, Tokens))


def assert_close(rows: list[TokenLogprob], expected: list[TokenLogprob]) -> None:
    """The same tokens and places; log probabilities up to the rounding of other batches of this 4-bit model."""
    assert [(row.raw, row.offset) for row in rows] == [(row.raw, row.offset) for row in expected]
    assert [row.logprob is None for row in rows] == [row.logprob is None for row in expected]
    differences = [abs((row.logprob or 0) - (other.logprob or 0)) for row, other in zip(rows, expected, strict=True)]
    assert max(differences) < 0.6
    assert sum(differences) / len(differences) < 0.1


def test_each_token_has_the_log_probability_that_it_would_be_generated_with(engine: LlamaEngine) -> None:
    tokens = engine._generation.vocabulary.tokenize("The capital of France is Paris", True, True)
    rows = rows_of(run(engine, TextJob(prompt_tokens=tokens, max_tokens=0, top_logprobs=1, echo=True))[0])
    assert rows[0].logprob is None
    assert rows[0].top == []
    for at in range(1, len(tokens)):
        forced = replace(GREEDY, logit_bias={tokens[at]: 100.0})
        job = TextJob(prompt_tokens=tokens[:at], sampling=forced, max_tokens=1, top_logprobs=1)
        (generated,) = rows_of(run(engine, job)[0])
        assert generated.raw == rows[at].raw
        assert generated.logprob == pytest.approx(rows[at].logprob, abs=0.6)
        assert generated.top[0][0] == rows[at].top[0][0]


def test_a_long_prompt_is_sent_in_parts_that_follow_each_other(engine: LlamaEngine) -> None:
    started, *parts, _, done = run(engine, SCORED)[0]
    assert isinstance(started, Started)
    assert isinstance(done, Done)
    assert len(parts) > 1
    assert "".join(part.text for part in parts if isinstance(part, Tokens)) == LONG
    rows = rows_of(parts)
    assert len(rows) == started.prompt_tokens > MAX_ECHOED_TOKENS
    assert b"".join(row.raw for row in rows) == LONG.encode()
    assert [row.offset for row in rows] == [len(b"".join(row.raw for row in rows[:at])) for at in range(len(rows))]
    assert all(len(row.top) == 2 for row in rows[1:])


def test_the_cache_leaves_no_token_out(engine: LlamaEngine) -> None:
    first, again = (run(engine, SCORED)[0] for _ in range(2))
    started = again[0]
    assert isinstance(started, Started)
    assert started.cached_tokens == 0
    assert_close(rows_of(again), rows_of(first))


def test_prompts_beside_each_other_get_their_own(engine: LlamaEngine) -> None:
    short = TextJob(prompt="The capital of France is Paris", sampling=GREEDY, max_tokens=2, top_logprobs=0, echo=True)
    plain = TextJob(prompt="1, 2, 3, 4, 5,", sampling=GREEDY, max_tokens=8)
    alone = [run(engine, job)[0] for job in (short, plain)]
    together = run(engine, short, plain, replace(short, prompt=short.prompt))
    assert_close(rows_of(together[0]), rows_of(alone[0]))
    assert_close(rows_of(together[2]), rows_of(alone[0]))
    assert text_of(together[1]) == text_of(alone[1])


def test_a_preempted_prompt_is_sent_once(engine: LlamaEngine) -> None:
    alone = run(engine, SCORED)[0]
    before = engine.stats().preemptions
    tales = [TextJob(prompt=f"Tale {i}:", sampling=GREEDY, max_tokens=150, ignore_eos=True) for i in range(2)]
    endless = replace(SCORED, max_tokens=150, ignore_eos=True)
    answer = run(engine, *tales, endless)[-1]
    assert engine.stats().preemptions > before
    prompt_tokens = len(rows_of(alone)) - 1
    assert_close(rows_of(answer)[:prompt_tokens], rows_of(alone)[:prompt_tokens])
    assert len(rows_of(answer)) == prompt_tokens + 150
    assert text_of(answer).startswith(LONG)


@pytest.mark.parametrize("delivered", [0, 1, 2, 100, 10_000])
def test_another_worker_sends_the_rest(engine: LlamaEngine, delivered: int) -> None:
    whole = run(engine, SCORED)[0]
    started = whole[0]
    assert isinstance(started, Started)
    delivered = min(delivered, started.prompt_tokens)
    rest = run(engine, SCORED, delivered=delivered, begun=started)[0]
    assert_close(rows_of(rest), rows_of(whole)[delivered:])
    offset = rows_of(whole)[delivered].offset
    assert text_of(rest) == text_of(whole)[offset:]


@pytest.mark.parametrize("delivered", [MAX_ECHOED_TOKENS - 1, MAX_ECHOED_TOKENS, 150])
def test_a_worker_without_the_prompt_in_its_cache_sends_the_rest_once(engine: LlamaEngine, delivered: int) -> None:
    job = replace(SCORED, prompt=f"{delivered}. {LONG}")
    rest = run(engine, job, delivered=delivered, begun=Started(0, 0))[0]
    whole = run(engine, job)[0]
    assert_close(rows_of(rest), rows_of(whole)[delivered:])
    assert text_of(rest) == text_of(whole)[rows_of(whole)[delivered].offset :]


def test_a_prompt_preempted_while_it_is_scored_is_sent_once(engine: LlamaEngine) -> None:
    job = replace(SCORED, prompt=f"Once more. {LONG}")
    engine.submit(EngineJob("scored", job))
    older = TextJob(prompt="Tale:", sampling=GREEDY, max_tokens=60, ignore_eos=True)
    engine.submit(EngineJob("older", older))
    payloads: list[Payload] = []
    sent = 0
    while engine.has_work():
        payloads += [payload for job_id, payload in engine.step() if job_id == "scored"]
        if sent == 0 and len(rows_of(payloads)) > MAX_ECHOED_TOKENS:
            sent = len(rows_of(payloads))
            scored = engine._sequences["scored"]
            scored.received_at_s = time.monotonic()  # the youngest
            assert engine._scheduler.preempt_youngest() is scored
    assert 0 < sent < len(rows_of(payloads))
    assert_close(rows_of(payloads), rows_of(run(engine, job)[0]))


def test_no_token_is_generated_where_none_is_wanted(engine: LlamaEngine) -> None:
    *parts, done = run(engine, replace(SCORED, max_tokens=0))[0]
    assert isinstance(done, Done)
    assert (done.finish_reason, done.completion_tokens) == (FinishReason.LENGTH, 0)
    assert text_of(parts) == LONG
    assert len(rows_of(parts)) == done.prompt_tokens


def test_a_prompt_of_one_token(engine: LlamaEngine) -> None:
    *parts, done = run(engine, replace(SCORED, prompt="The", max_tokens=0))[0]
    assert isinstance(done, Done)
    assert [(row.raw, row.logprob) for row in rows_of(parts)] == [(b"The", None)]


def test_the_token_that_ends_the_answer_is_listed_too(engine: LlamaEngine) -> None:
    """Programs that score prompts drop the one token that they let the model generate, whatever it is."""
    end = min(engine._generation.vocabulary.eog)
    job = replace(SCORED, prompt="The end", sampling=Sampling(temperature=0, logit_bias={end: 100.0}))
    answer = run(engine, job)[0]
    assert text_of(answer) == "The end"
    assert [row.raw for row in rows_of(answer)[:-1]] == [b"The", b" end"]
    assert rows_of(answer)[-1].offset == len("The end")
    without_echo = run(engine, replace(job, echo=False))[0]
    assert rows_of(without_echo) == []


def test_offsets_count_whole_characters(engine: LlamaEngine) -> None:
    text = "a\N{GRINNING FACE}b\N{EURO SIGN}c"
    tokens = engine._generation.vocabulary.tokenize(text, True, True)
    echoed = run(engine, TextJob(prompt=text, max_tokens=0, top_logprobs=0, echo=True))[0]
    assert [row.offset for row in rows_of(echoed)] == [0, 1, 1, 1, 2, 3, 4]
    assert text_of(echoed) == text
    cut = run(engine, TextJob(prompt_tokens=tokens[:3], max_tokens=0, top_logprobs=0, echo=True))[0]
    assert text_of(cut) == "a"


def test_an_answer_completes_the_character_that_its_prompt_begins(engine: LlamaEngine) -> None:
    tokens = engine._generation.vocabulary.tokenize("a\N{GRINNING FACE}", True, True)
    forced = Sampling(temperature=0, logit_bias={tokens[-1]: 100.0})
    job = TextJob(prompt_tokens=tokens[:-1], sampling=forced, max_tokens=1, echo=True)
    assert text_of(run(engine, job)[0]) == "a\N{GRINNING FACE}"
