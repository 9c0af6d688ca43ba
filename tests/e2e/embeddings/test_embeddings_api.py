"""``/v1/embeddings`` and ``/v1/rerank`` of a real server with two workers of a real model, and a reranker."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai
import pytest

from scripts.make_minilm import minilm
from tests.support.engines.encoding import Floats, cosines, reference
from tests.support.models.small_encoders import small_bert
from tests.support.running_server import RunningServer, running, wait_until

ROUTE = "/v1/embeddings"
MODEL = "all-minilm-l6-v2"
LONG = "hello " * 600
CLS, SEP, HELLO = 101, 102, 7592
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    scorer = small_bert().write(tmp_path_factory.mktemp("models") / "scorer.gguf")
    with running(f"{minilm()}@workers=2,threads=1", str(scorer)) as server:
        yield server


@pytest.fixture
def client(encoders: RunningServer) -> openai.OpenAI:
    wait_until(lambda: encoders.status("/ready") == 200 and len(encoders.worker_pids()) == 3, "all workers are ready")
    return openai.OpenAI(base_url=f"{encoders.url}/v1", api_key="none", max_retries=0, timeout=300)


def rows(answer: openai.types.CreateEmbeddingResponse) -> Floats:
    return np.array([item.embedding for item in answer.data], np.float32)


def test_the_openai_package_gets_sentence_transformers_vectors(client: openai.OpenAI) -> None:
    """It asks for base64 and decodes it, unless a program asks for lists."""
    texts, tokens, vectors = reference()
    for answer in (
        client.embeddings.create(model=MODEL, input=texts),
        client.embeddings.create(model=MODEL, input=texts, encoding_format="float"),
    ):
        assert cosines(rows(answer), vectors).min() >= 0.999
        usage = answer.usage
        assert (answer.model, usage.prompt_tokens, usage.total_tokens) == (MODEL, sum(tokens), sum(tokens))


def test_base64_as_other_programs_read_it(encoders: RunningServer) -> None:
    texts, _, vectors = reference()
    body = {"model": MODEL, "input": texts, "encoding_format": "base64"}
    decoded = [base64.b64decode(item["embedding"]) for item in encoders.post(ROUTE, body)["data"]]
    assert cosines(np.stack([np.frombuffer(data, "<f4") for data in decoded]), vectors).min() >= 0.999


def test_dimensions(client: openai.OpenAI) -> None:
    (row,) = rows(client.embeddings.create(model=MODEL, input="a cat", dimensions=64))
    assert row.shape == (64,)
    assert np.linalg.norm(row) == pytest.approx(1)
    with pytest.raises(openai.BadRequestError, match="dimensions: expected at most 384, the size of this model's"):
        client.embeddings.create(model=MODEL, input="a cat", dimensions=385)


def test_token_ids(client: openai.OpenAI) -> None:
    text = rows(client.embeddings.create(model=MODEL, input="hello"))
    one = client.embeddings.create(model=MODEL, input=[CLS, HELLO, SEP])
    many = client.embeddings.create(model=MODEL, input=[[CLS, HELLO, SEP], [CLS, HELLO, SEP]])
    assert (one.usage.prompt_tokens, many.usage.prompt_tokens) == (3, 6)
    assert cosines(np.concatenate([rows(one), rows(many)]), np.repeat(text, 3, axis=0)).min() >= 0.9999
    with pytest.raises(openai.BadRequestError, match="input: expected token ids of this model, from 0 to 30521, got 9"):
        client.embeddings.create(model=MODEL, input=[CLS, 99_999])


def test_what_is_too_long_is_refused_or_cut(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="maximum context length is 512 tokens") as refused:
        client.embeddings.create(model=MODEL, input=["a", LONG])
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "input")
    cut = client.embeddings.create(model=MODEL, input=LONG, extra_body={"truncate": True})
    assert cut.usage.prompt_tokens == 512


def test_sixty_four_requests_at_once_have_the_memory_of_one_batch(
    client: openai.OpenAI, encoders: RunningServer
) -> None:
    texts, _, vectors = reference()
    full = "hello " * 510

    def ask(number: int) -> float:
        index = number % len(texts)
        answer = client.embeddings.create(model=MODEL, input=[texts[index], full])
        return float(cosines(rows(answer)[:1], vectors[index : index + 1])[0])

    for number in range(4):  # both workers have computed a full batch
        ask(number)
    before = {row["name"]: row["memory_bytes"] for row in encoders.workers()}
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(ask, range(64)))
    assert min(found) >= 0.999
    for row in encoders.workers():
        assert row["memory_bytes"] - before[row["name"]] < 64 * MEGABYTE


def test_a_request_begins_again_when_its_worker_dies(client: openai.OpenAI, encoders: RunningServer) -> None:
    texts, _, vectors = reference()
    inputs = [*texts, *(f"{'hello ' * 300} {number}" for number in range(120))]
    wait_until(encoders.idle, "no worker is busy")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.embeddings.create, model=MODEL, input=inputs)
        busy = wait_until(lambda: [row for row in encoders.workers() if row["running"]], "a worker is busy")
        os.kill(busy[0]["pid"], signal.SIGKILL)
        answer = asked.result()
    assert cosines(rows(answer)[: len(texts)], vectors).min() >= 0.999
    assert [item.index for item in answer.data] == list(range(len(inputs)))
    text = encoders.client.get("/metrics").text
    assert f'nexa_failovers_total{{model="{MODEL}"}} 1.0' in text


def test_rerank(client: openai.OpenAI, encoders: RunningServer) -> None:
    documents = ["an apple", {"text": "the sun and the moon"}, "a lamp"]
    body = {"model": "scorer", "query": "a fruit", "documents": documents, "return_documents": True}
    answers = [encoders.post(path, body) for path in ("/v1/rerank", "/v2/rerank", "/rerank")]
    assert answers[0]["results"] == answers[1]["results"] == answers[2]["results"]
    results = answers[0]["results"]
    assert sorted(result["index"] for result in results) == [0, 1, 2]
    scores = [result["relevance_score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3
    texts = ["an apple", "the sun and the moon", "a lamp"]
    assert all(result["document"] == {"text": texts[result["index"]]} for result in results)
    assert encoders.post("/rerank", {**body, "top_n": 1})["results"] == results[:1]


def test_the_kinds_are_listed_and_keep_endpoints_apart(client: openai.OpenAI, encoders: RunningServer) -> None:
    listed = {model["id"]: model["kinds"] for model in encoders.client.get("/v1/models").json()["data"]}
    assert listed == {MODEL: ["embedding"], "scorer": ["rerank"]}
    assert client.embeddings.create(model="text-embedding-3-small", input="a").model == MODEL
    with pytest.raises(openai.NotFoundError, match="expected one of kind embedding, got 'scorer' of kind rerank"):
        client.embeddings.create(model="scorer", input="a")
    with pytest.raises(openai.NotFoundError, match="this endpoint needs a model of kind text"):
        client.completions.create(model=MODEL, prompt="a")
