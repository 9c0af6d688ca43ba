"""``nexa server onnx FOLDER``: vectors and scores of encoders in ONNX, compared with their own libraries'."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from tests.support.engines.encoding import Floats, cosines
from tests.support.onnx.made_models import made_model
from tests.support.running_server import RunningServer, running, wait_until

MINILM, CLS_BERT, LAST_QWEN3, PAIRS_BERT, PAIRS_ROBERTA = MODELS = (
    "minilm",
    "cls-bert",
    "last-qwen3",
    "pairs-bert",
    "pairs-roberta",
)
WORKERS = 6
CLS, HELLO, SEP = 101, 7592, 102


def folder_of(model: str) -> Path:
    return made_model("minilm") if model == MINILM else made_model("encoders") / model


@dataclass(frozen=True)
class KnownVectors:
    """Texts with their numbers of tokens and their vectors by sentence-transformers or transformers."""

    texts: list[str]
    tokens: list[int]
    vectors: Floats

    @classmethod
    def of(cls, model: str) -> KnownVectors:
        data = json.loads((folder_of(model) / "reference.json").read_text())
        return cls(data["texts"], data["tokens"], np.array(data["vectors"], np.float32))


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    minilm = folder_of(MINILM)
    small = [str(folder_of(model)) for model in MODELS if model != MINILM]
    aliases = ["--alias", f"{minilm.name}={MINILM}"]
    with running("onnx", f"{minilm}@workers=2,threads=1", *small, *aliases) as ready:
        yield ready


@pytest.fixture
def client(server: RunningServer) -> openai.OpenAI:
    wait_until(lambda: server.status("/ready") == 200 and len(server.worker_pids()) == WORKERS, "all workers are ready")
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=300)


def rows(answer: openai.types.CreateEmbeddingResponse) -> Floats:
    return np.array([item.embedding for item in answer.data], np.float32)


def embed(client: openai.OpenAI, model: str, inputs: Any, **options: Any) -> Floats:
    return rows(client.embeddings.create(model=model, input=inputs, **options))


@pytest.mark.parametrize("model", [MINILM, CLS_BERT, LAST_QWEN3])
def test_vectors_are_those_of_the_models_own_library(client: openai.OpenAI, model: str) -> None:
    """Texts of 1 to 300 words in ten scripts, in one request; long ones are cut where the model's limit is."""
    known = KnownVectors.of(model)
    fitting = [index for index, tokens in enumerate(known.tokens) if tokens < 100 or model == MINILM]
    answer = client.embeddings.create(
        model=model, input=[known.texts[index] for index in fitting], extra_body={"truncate": True}
    )
    assert cosines(rows(answer), known.vectors[fitting]).min() >= 0.9999
    assert answer.usage.prompt_tokens == sum(known.tokens[index] for index in fitting)


def test_lists_of_numbers_and_base64(client: openai.OpenAI, server: RunningServer) -> None:
    known = KnownVectors.of(MINILM)
    body = {"model": MINILM, "input": known.texts[:5]}
    lists = [item["embedding"] for item in server.post("/v1/embeddings", body)["data"]]
    encoded = server.post("/v1/embeddings", body | {"encoding_format": "base64"})["data"]
    decoded = [np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in encoded]
    assert np.stack(decoded) == pytest.approx(np.array(lists), abs=1e-6)
    assert cosines(np.stack(decoded), known.vectors[:5]).min() >= 0.9999


def test_token_ids_and_dimensions(client: openai.OpenAI) -> None:
    text = embed(client, MINILM, "hello")
    ids = embed(client, MINILM, [[CLS, HELLO, SEP], [CLS, HELLO, SEP]])
    assert cosines(ids, np.repeat(text, 2, axis=0)).min() >= 0.9999
    cut = embed(client, MINILM, "hello", dimensions=64)
    assert np.linalg.norm(cut) == pytest.approx(1)
    assert cosines(cut, text[:, :64]).min() >= 0.9999
    with pytest.raises(openai.BadRequestError, match="dimensions: expected at most 384, the size of this model's"):
        client.embeddings.create(model=MINILM, input="a cat", dimensions=385)
    with pytest.raises(openai.BadRequestError, match="input: expected token ids of this model, from 0 to 30521, got 9"):
        client.embeddings.create(model=MINILM, input=[CLS, 99_999])


def test_what_is_too_long_is_refused(client: openai.OpenAI, server: RunningServer) -> None:
    with pytest.raises(openai.BadRequestError, match="maximum context length is 256 tokens") as refused:
        client.embeddings.create(model=MINILM, input=["a", "hello " * 300])
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "input")
    ollama = server.post("/api/embed", {"model": MINILM, "input": ["hello " * 300, "hello"]})
    assert ollama["prompt_eval_count"] == 256 + 3
    assert cosines(np.array(ollama["embeddings"][1:], np.float32), embed(client, MINILM, "hello")).min() >= 0.9999


@pytest.mark.parametrize("model", [PAIRS_BERT, PAIRS_ROBERTA])
def test_scores_are_those_of_transformers(server: RunningServer, model: str) -> None:
    data = json.loads((folder_of(model) / "reference.json").read_text())
    logits = {(query, text): np.array(row) for (query, text), row in zip(data["pairs"], data["logits"], strict=True)}
    tokens = {tuple(pair): count for pair, count in zip(data["pairs"], data["tokens"], strict=True)}
    for query in dict.fromkeys(query for query, _ in logits):
        documents = [text for other, text in logits if other == query and tokens[query, text] < 100]
        answer = server.post("/v1/rerank", {"model": model, "query": query, "documents": documents})
        assert answer["usage"]["prompt_tokens"] == sum(tokens[query, text] for text in documents)
        found = {documents[row["index"]]: row["relevance_score"] for row in answer["results"]}
        assert found == pytest.approx({text: likelihood(logits[query, text]) for text in documents}, abs=1e-4)
        scores = [row["relevance_score"] for row in answer["results"]]
        assert scores == sorted(scores, reverse=True)


def likelihood(logits: Floats) -> float:
    """The score of a pair: of a classifier with one output, or with two of which the first one is named yes."""
    return float(1 / (1 + np.exp(-logits[0] if len(logits) == 1 else logits[1] - logits[0])))


def test_the_kinds_are_listed_and_keep_endpoints_apart(client: openai.OpenAI, server: RunningServer) -> None:
    kinds = {row["id"]: row["kinds"] for row in server.client.get("/v1/models").json()["data"]}
    assert (kinds[CLS_BERT], kinds[PAIRS_BERT]) == (["embedding"], ["rerank"])
    with pytest.raises(openai.NotFoundError, match="expected one of kind embedding, got 'pairs-bert' of kind rerank"):
        client.embeddings.create(model=PAIRS_BERT, input="a")


def test_requests_begin_again_when_their_worker_dies(client: openai.OpenAI, server: RunningServer) -> None:
    known = KnownVectors.of(MINILM)
    long = ["hello " * 200 + str(number) for number in range(30)]
    wait_until(server.idle, "no worker is busy")
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(embed, client, MINILM, [*known.texts[index : index + 4], *long]) for index in range(4)]
        busy = wait_until(lambda: [row for row in server.workers() if row["running"]], "a worker is busy")
        os.kill(busy[0]["pid"], signal.SIGKILL)
        answers = [future.result() for future in asked]
    for index, answer in enumerate(answers):
        assert answer.shape == (34, 384)
        assert cosines(answer[:4], known.vectors[index : index + 4]).min() >= 0.9999
    assert "nexa_failovers_total{" in server.client.get("/metrics").text
