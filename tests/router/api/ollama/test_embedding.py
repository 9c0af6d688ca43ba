"""``/api/embed`` and ``/api/embeddings``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import EmbedJob, Truncation
from shared.wire.payloads import Failed
from tests.support.clients.ollama_lines import without_times
from tests.support.requests.embeddings import script_of
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import MODEL, ROW, FakeBroker

BERT = ModelSettings(name="bert", kinds=(JobKind.EMBEDDING,), engine="echo", path="")


@pytest.fixture
def broker() -> FakeBroker:
    settings = ServerSettings(models=(MODEL, BERT), run_folder="")
    return FakeBroker(settings=settings, script=script_of, rows=(replace(ROW, model="bert"),))


def job_of(broker: FakeBroker, body: dict[str, Any], path: str = "/api/embed") -> EmbedJob:
    answer = post(broker, path, body)
    assert answer.status_code == 200, answer.text
    assert broker.jobs[-1].request.model == "bert"
    work = broker.jobs[-1].request.work
    assert isinstance(work, EmbedJob)
    return work


def test_texts_become_vectors(broker: FakeBroker) -> None:
    answer = post(broker, "/api/embed", {"model": "bert:latest", "input": ["a", "b"], "dimensions": 2}).json()
    vectors = [[pytest.approx(number) for number in row] for row in ([0, 0.1], [1, 1.1])]
    assert without_times(answer) == {"model": "bert:latest", "embeddings": vectors, "prompt_eval_count": 9}
    assert answer["total_duration"] > 0


@pytest.mark.parametrize(
    ("body", "job"),
    [
        ({"input": "a"}, EmbedJob(["a"], None, Truncation.END)),
        ({"input": ["a", ""]}, EmbedJob(["a", ""], None, Truncation.END)),
        ({"input": "a", "truncate": False}, EmbedJob(["a"], None, Truncation.NONE)),
        ({"input": "a", "dimensions": 0}, EmbedJob(["a"], None, Truncation.END)),
        ({"input": "a", "dimensions": 3}, EmbedJob(["a"], 3, Truncation.END)),
    ],
)
def test_long_texts_are_cut_unless_the_request_says_otherwise(
    broker: FakeBroker, body: dict[str, Any], job: EmbedJob
) -> None:
    assert job_of(broker, body) == job


def test_the_older_form_has_one_vector(broker: FakeBroker) -> None:
    answer = post(broker, "/api/embeddings", {"model": "bert", "prompt": "a"}).json()
    assert answer == {"embedding": [pytest.approx(number) for number in (0, 0.1, 0.2, 0.3)]}
    assert job_of(broker, {"prompt": "a"}, "/api/embeddings") == EmbedJob(["a"], None, Truncation.END)


@pytest.mark.parametrize("body", [{}, {"input": ""}, {"input": []}, {"prompt": ""}])
def test_without_a_text_the_model_is_only_loaded(broker: FakeBroker, body: dict[str, Any]) -> None:
    asked = {"model": "bert", "keep_alive": "5m", **body}
    answer = post(broker, "/api/embed", asked)
    assert answer.json() == {"model": "bert", "embeddings": []}
    assert "keep_alive" in answer.headers["x-nexa-warning"]
    assert post(broker, "/api/embeddings", asked).json() == {"embedding": []}
    assert broker.jobs == []


@pytest.mark.parametrize("given", [5, [1], [["a"]], {"a": 1}])
def test_other_inputs_are_refused(broker: FakeBroker, given: Any) -> None:
    answer = post(broker, "/api/embed", {"input": given})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("input: expected a string or a list of strings, got ")


def test_errors_of_the_worker_are_in_ollamas_shape(broker: FakeBroker) -> None:
    broker.script = [Failed(400, "input: expected at most 8 tokens, got 9")]
    answer = post(broker, "/api/embed", {"input": "a", "truncate": False})
    assert (answer.status_code, answer.json()) == (400, {"error": "input: expected at most 8 tokens, got 9"})


def test_a_model_of_another_kind_is_refused(broker: FakeBroker) -> None:
    embedded = post(broker, "/api/embed", {"model": "smol", "input": "a"})
    assert (embedded.status_code, embedded.json()) == (
        400,
        {"error": "model: expected one of kind embedding, got 'smol' of kind text"},
    )
    chatted = post(broker, "/api/chat", {"model": "bert", "messages": []})
    assert chatted.json() == {"error": "model: expected one of kind text, got 'bert' of kind embedding"}


def test_embedding_models_are_listed(broker: FakeBroker) -> None:
    row = ask(broker, "GET", "/api/tags").json()["models"][-1]
    assert (row["name"], row["capabilities"]) == ("bert:latest", ["embedding"])
