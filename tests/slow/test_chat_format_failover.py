"""Workers that are killed in mid-thought and in mid-call: the answer is the one without a kill."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scripts.make_gguf.vocabulary import read_vocabulary
from tests.support.models.random_models import RANDOM_MODELS, make_models
from tests.support.requests.chat_answers import ChatAnswer, add_chunk
from tests.support.running_server import RunningServer, running, wait_until

ENDS = {"tagged": "</think>", "channels": "<|end|>"}
"""The token that ends a thought, by model: one whose prompt opens thoughts and one that opens them itself."""

THOUGHT, BUDGET = 150, 450
"""Tokens of the thought, which its budget ends, and of the whole answer."""

ATTEMPTS = 4
"""A worker may end its answer before it can be killed."""

NOTE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "marks": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4},
    },
    "required": ["title", "marks"],
}


@dataclass(frozen=True)
class TwoWorkers:
    """A server with two workers for each model, and the token that ends the thoughts of each."""

    server: RunningServer
    ends: dict[str, int]

    def body(self, model: str) -> dict[str, Any]:
        """A request for a call behind a thought that takes all of its budget."""
        return {
            "model": model,
            "messages": [{"role": "user", "content": "Write it down."}],
            "tools": [{"type": "function", "function": {"name": "note", "parameters": NOTE}}],
            "tool_choice": "required",
            "temperature": 1,
            "seed": 7,
            "max_tokens": BUDGET,
            "logit_bias": {str(self.ends[model]): -100},
            "thinking_budget_tokens": THOUGHT,
            "stream_options": {"include_usage": True},
        }


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWorkers]:
    """``nexa server --workers 2`` with two models."""
    models = [model for model in RANDOM_MODELS if model.name in ENDS]
    paths: list[Path] = make_models(tmp_path_factory.mktemp("models"), models)
    ends = {path.stem: read_vocabulary(path).texts.index(ENDS[path.stem]) for path in paths}
    with running("--workers", "2", "--nctx", "1024", *map(str, paths)) as server:
        yield TwoWorkers(server, ends)


def kill_worker(server: RunningServer, model: str, before: int) -> bool:
    """Kill the worker that runs the only job; False if the job has ``before`` tokens already, or has ended."""
    while jobs := server.client.get("/v1/jobs").json()["data"]:
        busy = [row["pid"] for row in server.workers() if row["model"] == model and row["running"]]
        if busy:
            os.kill(busy[0], signal.SIGKILL)
            jobs = server.client.get("/v1/jobs").json()["data"]
            return bool(jobs) and jobs[0]["tokens"] < before
    return False


def answer_to(pair: TwoWorkers, model: str, killed_in: str | None = None) -> tuple[ChatAnswer, dict[str, Any], bool]:
    """The answer, its usage, and whether the kill was in time.

    The worker dies with the first piece of the thought or of the call's arguments.
    """
    answers, usage, killed, in_time = [ChatAnswer()], dict[str, Any](), False, False
    for chunk in pair.server.stream("/v1/chat/completions", pair.body(model)):
        add_chunk(answers, chunk)
        usage = chunk["usage"] or usage
        arguments = "".join(text for _, text in answers[0].calls)
        if not killed and killed_in and (answers[0].thought if killed_in == "thought" else arguments):
            in_time = kill_worker(pair.server, model, THOUGHT if killed_in == "thought" else BUDGET)
            killed = True
    return answers[0], usage, in_time


@pytest.fixture(scope="module", params=ENDS)
def calm(pair: TwoWorkers, request: pytest.FixtureRequest) -> tuple[str, ChatAnswer, dict[str, Any]]:
    """A model, its answer and usage without a kill."""
    model: str = request.param
    answer, usage, _ = answer_to(pair, model)
    return model, answer, usage


@pytest.mark.parametrize("killed_in", ["thought", "call"])
def test_an_answer_survives_its_worker(
    pair: TwoWorkers, calm: tuple[str, ChatAnswer, dict[str, Any]], killed_in: str
) -> None:
    model, calm_answer, calm_usage = calm
    for _ in range(ATTEMPTS):
        wait_until(
            lambda: [row["state"] for row in pair.server.workers() if row["model"] == model] == ["ready"] * 2,
            "both workers are ready",
        )
        answer, usage, in_time = answer_to(pair, model, killed_in)
        if in_time:
            break
    assert in_time, "every kill came too late"
    assert answer == calm_answer
    assert answer.thought
    assert (answer.words, answer.finish_reason) == ("", "tool_calls")
    assert answer.calls
    for name, arguments in answer.calls:
        assert name == "note"
        jsonschema.validate(json.loads(arguments), NOTE)
    assert THOUGHT <= usage["completion_tokens_details"]["reasoning_tokens"] <= THOUGHT + 6
    for key in ("prompt_tokens", "completion_tokens", "completion_tokens_details"):
        assert usage[key] == calm_usage[key]
