"""Models that cannot go back in a sequence share prefixes at checkpoints: each text is that of a cold run.

Batches of other shapes round differently, so a token may be another one where two are almost as likely.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.make_gguf.shapes.making import random_model
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Payload, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.sandbox.attempt import Limits, PreparationAttempt

GREEDY = Sampling(temperature=0)
WINDOWED = LlamaCppOptions(swa_full="off")
FAMILIES = ("recurrent", "hybrid", "swa", "hybrid q4_0", "swa q8_0")
"""With the type of their KV cache."""

WORDS = (
    "the",
    "fox",
    "met",
    "a",
    "crow",
    "that",
    "held",
    "some",
    "cheese",
    "and",
    "asked",
    "it",
    "to",
    "sing",
    "green",
)

TIE = 0.05
"""How much less likely the drawn token may be than the likeliest one, as the shape of a batch changes the rounding."""


def text(start: int, words: int) -> str:
    return " ".join(f"{WORDS[(start + 7 * i) % len(WORDS)]} {start + i}" for i in range(words))


SYSTEM = {"role": "system", "content": text(0, 60)}


def open_engine(family: str, **options: Any) -> LlamaEngine:
    shape, _, kind = family.partition(" ")
    path: Path = random_model(f"random-tiny-{shape}-f16", lambda line: None)
    native = WINDOWED.model_copy(update={"cache_type_k": kind or "f16", "cache_type_v": kind or "f16"})
    given = {"threads": 2, "slots": 4, "context_tokens": 2048, "kv_tokens": 4096, "native": native, **options}
    engine = LlamaEngine(LlamaOptions(str(path), **given))
    engine.load(lambda fraction: None)
    return engine


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def engines(family: str) -> Iterator[tuple[LlamaEngine, LlamaEngine]]:
    """One that keeps prefixes, and one that never does: its checkpoints have no room, and it evicts what ended."""
    warm, cold = open_engine(family), open_engine(family, cache_bytes=0)
    yield warm, cold
    warm.close()
    cold.close()


@pytest.fixture(autouse=True)
def forgotten(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    for engine in engines:
        engine._cache.clear_kept()


def run(engine: LlamaEngine, *jobs: TextJob, generated: list[int] | None = None) -> list[tuple[int, list[int]]]:
    """How many tokens of each job's prompt were cached, and the tokens of its answer."""
    payloads: dict[str, list[Payload]] = {f"job{i}": [] for i in range(len(jobs))}
    for job_id, job in zip(payloads, jobs, strict=True):
        engine.submit(EngineJob(job_id, job, generated or []))
    while engine.has_work():
        for job_id, payload in engine.step():
            payloads[job_id].append(payload)
    return [(_cached(answer), _ids(answer)) for answer in payloads.values()]


def _cached(payloads: list[Payload]) -> int:
    return next((payload.cached_tokens for payload in payloads if isinstance(payload, Started)), 0)


def _ids(payloads: list[Payload]) -> list[int]:
    return [token for payload in payloads if isinstance(payload, Tokens) for token in payload.token_ids]


def chat(*texts: str, max_tokens: int = 24, system: dict[str, str] = SYSTEM) -> TextJob:
    """A chat whose turns are these texts, the first of the user."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": content} for i, content in enumerate(texts)]
    return TextJob(messages=[system, *messages], sampling=GREEDY, max_tokens=max_tokens, ignore_eos=True)


def test_the_next_turn_goes_on_from_the_last(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    warm, cold = engines
    run(warm, chat(text(100, 90)))
    second = chat(text(100, 90), "no", text(300, 12))
    cached, answer = run(warm, second)[0]
    assert cached > 300
    assert loss_of(cold, second, answer) < TIE


def test_another_last_message_begins_before_it(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    warm, cold = engines
    run(warm, chat(text(1000, 90)))
    other = chat(text(2000, 90))
    cached, answer = run(warm, other)[0]
    assert 100 < cached < 400
    assert loss_of(cold, other, answer) < TIE


def test_a_cached_prompt_gives_the_same_text_again(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    warm, cold = engines
    job = chat(text(3000, 80))
    first, again = run(warm, job)[0], run(warm, job)[0]
    assert first[1] == run(cold, job)[0][1]
    assert loss_of(cold, job, again[1]) < TIE
    assert again[0] > 200


def test_users_share_a_beginning_at_once(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    warm, cold = engines
    system = {"role": "system", "content": text(500, 60)}
    jobs = [chat(text(4000 + 200 * i, 40), system=system) for i in range(4)]
    together = run(warm, *jobs)
    assert sorted(cached > 50 for cached, _ in together) == [False, True, True, True]
    assert max(loss_of(cold, job, answer) for job, (_, answer) in zip(jobs, together, strict=True)) < TIE


def test_a_cancelled_prompt_leaves_what_it_computed(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    warm, cold = engines
    long, after = chat(text(5000, 150)), chat(text(5000, 150), "yes", "and now?")
    warm.submit(EngineJob("cancelled", long, []))
    while not any(sequence.computed for sequence in warm._scheduler.running):
        warm.step()
    warm.cancel("cancelled")
    cached, answer = run(warm, after)[0]
    assert cached > 50
    assert loss_of(cold, after, answer) < TIE


def test_what_was_moved_to_main_memory_goes_on(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    warm, cold = engines
    run(warm, chat(text(6000, 90)))
    warm._cache.clear_kept()
    assert warm._cache.used_cells == 0
    second = chat(text(6000, 90), "no", "why?")
    cached, answer = run(warm, second)[0]
    assert cached > 300
    assert loss_of(cold, second, answer) < TIE


def test_a_text_goes_on_at_another_worker(engines: tuple[LlamaEngine, LlamaEngine]) -> None:
    warm, cold = engines
    job = chat(text(7000, 50))
    whole = run(cold, job)[0][1]
    run(warm, chat(text(7000, 50), max_tokens=4))
    assert loss_of(cold, job, whole[:6] + run(warm, job, generated=whole[:6])[0][1]) < TIE


def test_preempted_texts_are_as_they_would_be_alone(family: str) -> None:
    cramped = open_engine(family, context_tokens=640, kv_tokens=1024)
    jobs = [chat(text(8000 + 100 * i, 20), max_tokens=150) for i in range(4)]
    answers = [answer for _, answer in run(cramped, *jobs)]
    preemptions = cramped.stats().preemptions
    cramped._cache.clear_kept()
    losses = [loss_of(cramped, job, answer) for job, answer in zip(jobs, answers, strict=True)]
    cramped.close()
    assert preemptions > 0
    assert [len(answer) for answer in answers] == [150] * 4
    assert max(losses) < TIE


def loss_of(engine: LlamaEngine, job: TextJob, answer: list[int]) -> float:
    """By how much a greedy answer's tokens are less likely than the likeliest ones, all computed anew, at most."""
    attempt = PreparationAttempt(Limits(10.0, 256 * 1000 * 1000))
    prompt = engine._prepare(EngineJob("prompt", job, []), 0.0, attempt).tokens
    engine.submit(
        EngineJob("echo", TextJob(prompt_tokens=[*prompt, *answer], echo=True, top_logprobs=1, max_tokens=0), [])
    )
    logprobs = []
    while engine.has_work():
        logprobs += [entry for _, event in engine.step() if isinstance(event, Tokens) for entry in event.logprobs]
    assert len(logprobs) == len(prompt) + len(answer)
    return max(entry.top[0][2] - (entry.logprob or 0.0) for entry in logprobs[len(prompt) :])
