"""Vectors of a real model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.wire.jobs import EmbedJob, RerankJob, TextJob, Truncation
from shared.wire.payloads import Done, Started, Vectors
from tests.support.engines.encoding import cosines, embed, events_of, failure_of, reference, run, vectors_in
from workers.engine import Engine, EngineJob

CLS, SEP, HELLO = 101, 102, 7592
LIMIT = 512
DIMENSIONS = 384


def test_vectors_equal_those_of_sentence_transformers(minilm_engine: Engine) -> None:
    texts, tokens, vectors = reference()
    payloads = run(minilm_engine, EmbedJob(list(texts)))
    assert payloads[0] == Started(sum(tokens), 0)
    assert cosines(vectors_in(payloads), vectors).min() >= 0.999
    assert cosines(embed(minilm_engine, [texts[1]]), vectors[2:3]).max() < 0.999  # of two texts that mean the same


def test_vectors_have_length_1(minilm_engine: Engine) -> None:
    for dimensions in (None, 64, 1):
        rows = embed(minilm_engine, ["a cat", "a dog"], dimensions=dimensions)
        assert rows.shape == (2, dimensions or DIMENSIONS)
        assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1])


def test_dimensions_cut_the_vector(minilm_engine: Engine) -> None:
    whole = embed(minilm_engine, ["a cat"])
    assert cosines(embed(minilm_engine, ["a cat"], dimensions=64), whole[:, :64]) == pytest.approx([1])
    failed = failure_of(minilm_engine, EmbedJob(["a cat"], dimensions=DIMENSIONS + 1))
    assert (failed.status, failed.param) == (400, "dimensions")
    assert failed.message == "dimensions: expected at most 384, the size of this model's vectors, got 385"


def test_token_ids_are_taken_as_they_are(minilm_engine: Engine) -> None:
    payloads = run(minilm_engine, EmbedJob([[CLS, HELLO, SEP], [HELLO]]))
    assert payloads[0] == Started(4, 0)
    text = embed(minilm_engine, ["hello"])
    with_special, without = cosines(vectors_in(payloads), np.repeat(text, 2, axis=0))
    assert with_special >= 0.9999
    assert without < 0.999


def test_special_tokens_in_a_text_are_those_tokens(minilm_engine: Engine) -> None:
    assert run(minilm_engine, EmbedJob(["hello [MASK]"]))[0] == Started(4, 0)


@pytest.mark.parametrize("token", [-1, 30_522, 2**40])
def test_ids_of_no_token_are_refused(minilm_engine: Engine, token: int) -> None:
    failed = failure_of(minilm_engine, EmbedJob(["a", [CLS, token]]))
    assert failed.message == f"input[1]: expected token ids of this model, from 0 to 30521, got {token}"
    assert (failed.status, failed.param) == (400, "input")


def test_an_empty_text_has_a_vector(minilm_engine: Engine) -> None:
    assert run(minilm_engine, EmbedJob([""]))[0] == Started(2, 0)


def test_inputs_of_the_models_length_fit_and_longer_ones_do_not(minilm_engine: Engine) -> None:
    fits = "hello " * (LIMIT - 2)
    assert run(minilm_engine, EmbedJob([fits]))[0] == Started(LIMIT, 0)
    failed = failure_of(minilm_engine, EmbedJob(["a", f"{fits} you"]))
    assert (failed.status, failed.param, failed.code) == (400, "input", "context_length_exceeded")
    assert failed.message.startswith(
        "input[1]: expected at most 512 tokens (this model's maximum context length is 512"
    )
    assert failed.message.endswith("got 513; truncate cuts it")
    assert failure_of(minilm_engine, EmbedJob([f"{fits} you"])).message.startswith("input: expected at most 512 tokens")


@pytest.mark.parametrize(("truncate", "kept"), [(Truncation.END, slice(510)), (Truncation.START, slice(-510, None))])
def test_what_is_cut_keeps_its_special_tokens(minilm_engine: Engine, truncate: Truncation, kept: slice) -> None:
    words = ["hello"] * 400 + ["goodbye"] * 400
    long, short = " ".join(words), " ".join(words[kept])
    assert run(minilm_engine, EmbedJob([long], truncate=truncate))[0] == Started(LIMIT, 0)
    cut = embed(minilm_engine, [long], truncate=truncate)
    assert cosines(cut, embed(minilm_engine, [short])).min() >= 0.9999


def test_token_ids_are_cut_too(minilm_engine: Engine) -> None:
    cut = embed(minilm_engine, [[HELLO] * 600], truncate=Truncation.END)
    assert cosines(cut, embed(minilm_engine, [[HELLO] * LIMIT])).min() >= 0.9999


INPUTS = st.lists(st.integers(1000, 30_000), min_size=1, max_size=150)


@settings(max_examples=15, deadline=None)
@given(INPUTS, st.lists(st.lists(INPUTS, min_size=1, max_size=4), max_size=5), st.integers(0, 5))
def test_a_vector_does_not_depend_on_what_else_is_in_the_batch(
    minilm_engine: Engine, own: list[int], others: list[list[list[int]]], place: int
) -> None:
    alone = embed(minilm_engine, [own])
    jobs = [EngineJob(f"other-{index}", EmbedJob(list(inputs)), user=str(index)) for index, inputs in enumerate(others)]
    jobs.insert(place, EngineJob("own", EmbedJob([own])))
    events = events_of(minilm_engine, jobs)
    assert cosines(vectors_in(events["own"]), alone).min() >= 0.9999
    for index, inputs in enumerate(others):
        assert len(vectors_in(events[f"other-{index}"])) == len(inputs)


def test_inputs_of_many_jobs_share_a_batch(minilm_engine: Engine) -> None:
    before = minilm_engine.stats().steps
    jobs = [EngineJob(str(index), EmbedJob([f"text {index}"]), user=str(index)) for index in range(64)]
    events = events_of(minilm_engine, jobs)
    assert minilm_engine.stats().steps - before <= 4  # of up to 512 tokens; some jobs are prepared after the first
    assert all(isinstance(payloads[-1], Done) for payloads in events.values())
    assert all(len(payloads) == 3 for payloads in events.values())


def test_a_cancelled_job_sends_nothing_more(minilm_engine: Engine) -> None:
    minilm_engine.submit(EngineJob("gone", EmbedJob(["hello " * 400] * 3)))
    seen: list[Any] = []
    while not any(isinstance(payload, Vectors) for _, payload in seen):
        seen += minilm_engine.step()
    minilm_engine.cancel("gone")
    assert not minilm_engine.has_work()
    minilm_engine.cancel("gone")
    minilm_engine.cancel("unknown")
    assert minilm_engine.stats().running == 0


@pytest.mark.parametrize(("work", "kind"), [(TextJob(prompt="a"), "text"), (RerankJob("a", ["b"]), "rerank")])
def test_other_jobs_are_refused(minilm_engine: Engine, work: Any, kind: str) -> None:
    failed = failure_of(minilm_engine, work)
    assert failed.message == f"model: expected a model for {kind} requests, got one for embedding"
    assert (failed.status, failed.param) == (400, "model")
