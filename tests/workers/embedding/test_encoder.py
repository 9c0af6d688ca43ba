"""Jobs from their preparation to their last event, on a computer that counts tokens."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Generator, Iterator

import numpy as np
import pytest

from shared.wire.jobs import EmbedJob, Work
from shared.wire.payloads import Done, Failed, Payload, Started, Vectors
from workers.embedding.computer import Rows
from workers.embedding.encoder import NOT_FINITE, PREPARATION_FAILED, Encoder
from workers.embedding.results import ScoreWriter, VectorWriter
from workers.engine import EngineJob

LOGITS = np.array([[2.0, -1.0], [0.0, 0.0], [-900.0, 900.0]], np.float32)


class CountingComputer:
    """Gives the number of an input's tokens, and no number for those with token 13."""

    batch_tokens = 8
    sequences = 4

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []

    def parts(self, inputs: list[list[int]]) -> Generator[Rows | None]:
        self.batches.append(inputs)
        yield np.array([[np.nan if 13 in tokens else len(tokens), 0.0] for tokens in inputs], np.float32)

    def close(self) -> None:
        pass


class ManyTokens:
    """Makes inputs of 200,000 tokens in all; a job with a long text has to wait."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def make(self, work: Work) -> list[list[int]]:
        assert isinstance(work, EmbedJob)
        if isinstance(work.inputs[0], str):
            self.go_on.wait(20)
            return [[1]]
        return [list(range(1000, 3000)) for _ in range(100)]


class TokenIds:
    """Takes inputs as they are, and breaks down at the token 7."""

    def make(self, work: Work) -> list[list[int]]:
        assert isinstance(work, EmbedJob)
        inputs = [given for given in work.inputs if isinstance(given, list)]
        if [7] in inputs:
            raise RuntimeError("broken")
        return inputs


@pytest.fixture
def computer() -> CountingComputer:
    return CountingComputer()


@pytest.fixture
def encoder(computer: CountingComputer) -> Iterator[Encoder]:
    encoder = Encoder(TokenIds(), computer, VectorWriter(), computer.batch_tokens)
    yield encoder
    encoder.close()


def submit(encoder: Encoder, job_id: str, *inputs: list[int], user: str = "") -> None:
    encoder.submit(EngineJob(job_id, EmbedJob(list(inputs)), user=user))


def run(encoder: Encoder) -> dict[str, list[Payload]]:
    events: dict[str, list[Payload]] = {}
    while encoder.has_work():
        for job_id, payload in encoder.step():
            events.setdefault(job_id, []).append(payload)
    return events


def test_a_job_of_several_batches_gets_its_vectors_in_parts(encoder: Encoder, computer: CountingComputer) -> None:
    submit(encoder, "a", [1] * 3, [1] * 5, [1] * 6)
    started, first, second, done = run(encoder)["a"]
    assert started == Started(14, 0)
    assert isinstance(first, Vectors)
    assert isinstance(second, Vectors)
    assert (first.indices, second.indices) == ([2], [1, 0])
    assert isinstance(done, Done)
    assert (done.prompt_tokens, done.completion_tokens) == (14, 0)
    assert len(computer.batches) == 2


def test_a_jobs_start_is_reported_before_it_is_computed(encoder: Encoder, computer: CountingComputer) -> None:
    submit(encoder, "a", [1])
    events = encoder.step()
    while not events:
        events = encoder.step()
    assert events == [("a", Started(1, 0))]
    assert computer.batches == []


def test_numbers_that_are_not_finite_fail_only_their_job(encoder: Encoder) -> None:
    submit(encoder, "bad", [1], [13], [1] * 8)
    submit(encoder, "good", [1, 1])
    events = run(encoder)
    assert events["bad"][-1] == NOT_FINITE
    assert isinstance(events["good"][-1], Done)


def test_a_preparation_that_breaks_down_fails_only_its_job(encoder: Encoder) -> None:
    submit(encoder, "bad", [7])
    submit(encoder, "good", [1])
    events = run(encoder)
    assert events["bad"] == [PREPARATION_FAILED]
    assert isinstance(events["good"][-1], Done)
    assert isinstance(PREPARATION_FAILED, Failed)


def test_the_load_is_reported(encoder: Encoder) -> None:
    submit(encoder, "a", [1] * 8, [1] * 8)
    assert encoder.stats().waiting == 1
    while encoder.stats().steps < 1:
        encoder.step()
    stats = encoder.stats()
    assert (stats.running, stats.waiting, stats.prompt_tokens) == (1, 0, 16)
    run(encoder)
    assert encoder.stats().running == 0


def test_a_vector_of_zeros_stays_one() -> None:
    vectors = VectorWriter().write(EngineJob("a", EmbedJob([[1]])), [0], np.zeros((1, 2), np.float32))
    assert vectors == Vectors([0], 2, bytes(8))


def test_one_logit_becomes_its_sigmoid() -> None:
    scores = ScoreWriter().write(EngineJob("a", EmbedJob([])), [4, 5, 6], LOGITS[:, :1])
    assert scores.indices == [4, 5, 6]
    assert scores.values == pytest.approx([1 / (1 + np.exp(-2.0)), 0.5, 0.0])


def test_of_two_logits_the_relevant_one_counts() -> None:
    scores = ScoreWriter(relevant=1).write(EngineJob("a", EmbedJob([])), [0, 1, 2], LOGITS)
    assert scores.values == pytest.approx([1 / (1 + np.exp(3.0)), 0.5, 1.0])


def test_likelihoods_stay_as_they_are() -> None:
    rows = np.array([[0.25, 0.75]], np.float32)
    assert ScoreWriter(0, is_likelihood=True).write(EngineJob("a", EmbedJob([])), [0], rows).values == [0.25]


def test_jobs_that_wait_take_four_bytes_a_token(computer: CountingComputer) -> None:
    encoder = Encoder(ManyTokens(), computer, VectorWriter(), computer.batch_tokens)
    tracemalloc.start()
    try:
        submit(encoder, "a", [1])
        while not encoder.step():
            pass
        assert tracemalloc.get_traced_memory()[0] < 1_500_000
    finally:
        tracemalloc.stop()
        encoder.close()


def test_jobs_of_much_text_do_not_delay_the_preparation_of_others(computer: CountingComputer) -> None:
    maker = ManyTokens()
    encoder = Encoder(maker, computer, VectorWriter(), computer.batch_tokens)
    try:
        for number in range(8):
            job = EngineJob(f"long {number}", EmbedJob(["x" * 100_000]), user=f"user {number}")
            encoder.submit(job)
        submit(encoder, "short", [1], user="other")
        while not (emitted := encoder.step()):
            pass
        assert [job_id for job_id, _ in emitted] == ["short"]
        assert not maker.go_on.is_set()
    finally:
        maker.go_on.set()
        encoder.close()


class SlowComputer(CountingComputer):
    """Computes in three parts."""

    def parts(self, inputs: list[list[int]]) -> Generator[Rows | None]:
        yield None
        yield None
        yield from super().parts(inputs)


def test_a_batch_whose_jobs_were_cancelled_is_given_up() -> None:
    computer = SlowComputer()
    encoder = Encoder(TokenIds(), computer, VectorWriter(), computer.batch_tokens)
    try:
        submit(encoder, "a", [1] * 3)
        assert [payload for _, payload in _first_events(encoder)] == [Started(3, 0)]
        assert encoder.step() == []
        encoder.cancel("a")
        assert not encoder.has_work()
        submit(encoder, "b", [1] * 4)
        assert isinstance(run(encoder)["b"][-1], Done)
        assert computer.batches == [[[1] * 4]]
    finally:
        encoder.close()


def _first_events(encoder: Encoder) -> list[tuple[str, Payload]]:
    while not (emitted := encoder.step()):
        pass
    return emitted
