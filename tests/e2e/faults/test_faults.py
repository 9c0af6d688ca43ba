"""Processes that die: what comes back by itself, and what no client notices."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from router.client.errors import StreamLost
from tests.support.onnx.embedded import FORMS, embedded
from tests.support.running_server import RunningServer, running, wait_until

STORY: dict[str, Any] = {"prompt": "Once upon a time", "max_tokens": 60, "temperature": 0, "ignore_eos": True}


@pytest.fixture(scope="module", params=FORMS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """``nexa server --workers 2 smollm2``, and the same model in ONNX."""
    models = embedded(request.param, tmp_path_factory.mktemp("onnx"), "text-fp32")
    with running("--workers", "2", "--nctx", "2048", *models) as server:
        yield server


@pytest.fixture(autouse=True)
def _both_ready(pair: RunningServer) -> None:
    wait_until(lambda: pair.status("/ready") == 200 and len(pair.worker_pids()) == 2, "both workers are ready")


def test_sixteen_streams_are_shared_by_two_workers(pair: RunningServer) -> None:
    before = {row["name"]: row["generated_tokens"] for row in pair.workers()}
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda n: _text(pair, {**STORY, "prompt": f"Tale {n}:", "max_tokens": 24}), range(16)))
    assert all(texts)
    wait_until(
        lambda: all(row["generated_tokens"] > before[row["name"]] for row in pair.workers()), "both workers took part"
    )


def test_stream_survives_its_worker(pair: RunningServer) -> None:
    """The text after a kill -9 in mid-stream is the text without one: nothing is lost, nothing comes twice."""
    counting = {**STORY, "prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,", "max_tokens": 120}
    calm = _text(pair, counting)
    text, killed = "", False
    for chunk in pair.stream("/v1/completions", counting):
        text += chunk["choices"][0]["text"]
        if not killed and len(text) > 20:
            killed = True
            busy = wait_until(lambda: [row["pid"] for row in pair.workers() if row["running"]], "one worker is busy")
            os.kill(busy[0], signal.SIGKILL)
    assert killed
    assert text == calm


COUNTING = {"prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,", "max_tokens": 100, "ignore_eos": True}
LIST = {
    "type": "object",
    "properties": {"numbers": {"type": "array", "items": {"type": "integer"}, "minItems": 25, "maxItems": 25}},
    "required": ["numbers"],
}


@pytest.mark.parametrize(
    "asked",
    [
        {**COUNTING, "temperature": 0.5, "top_k": 5, "seed": 11, "logprobs": 1},
        {
            **COUNTING,
            "temperature": 0.5,
            "mirostat": 2,
            "mirostat_tau": 1,
            "mirostat_eta": 0.5,
            "seed": 4,
            "logprobs": 1,
        },
        {**COUNTING, "temperature": 0.8, "xtc_probability": 0.5, "dry_multiplier": 0.5, "seed": 5, "logprobs": 1},
        {**COUNTING, "temperature": 0, "stop": ["47"], "logprobs": 2},
        {
            "prompt": "Numbers: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.",
            "temperature": 0,
            "max_tokens": 200,
            "response_format": {"type": "json_schema", "json_schema": {"name": "list", "schema": LIST}},
            "logprobs": 0,
        },
    ],
    ids=["sampled", "mirostat", "xtc and dry", "stop words", "schema"],
)
def test_all_of_an_answer_survives_its_worker(pair: RunningServer, asked: dict[str, Any]) -> None:
    """Draws, stop words, grammar, probabilities of each token, and usage."""
    body = {**asked, "stream_options": {"include_usage": True}}
    calm = _collect(pair.stream("/v1/completions", body))
    seen: list[dict[str, Any]] = []
    for chunk in pair.stream("/v1/completions", body):
        seen.append(chunk)
        if len(seen) == 12:
            busy = wait_until(lambda: [row["pid"] for row in pair.workers() if row["running"]], "one worker is busy")
            os.kill(busy[0], signal.SIGKILL)
    cut = _collect(seen)
    assert (cut.text, cut.tokens, cut.reasons) == (calm.text, calm.tokens, calm.reasons)
    assert (cut.usage["prompt_tokens"], cut.usage["completion_tokens"]) == (
        calm.usage["prompt_tokens"],
        calm.usage["completion_tokens"],
    )
    assert len(cut.tokens) == cut.usage["completion_tokens"]


@dataclass
class Collected:
    """What a stream came to."""

    text: str
    tokens: list[str]
    reasons: list[str]
    usage: dict[str, Any]


def _collect(chunks: Iterable[dict[str, Any]]) -> Collected:
    collected = Collected("", [], [], {})
    for chunk in chunks:
        for choice in chunk["choices"]:
            collected.text += choice["text"]
            collected.tokens += (choice["logprobs"] or {}).get("tokens", [])
            collected.reasons += [choice["finish_reason"]] if choice["finish_reason"] else []
        collected.usage = chunk["usage"] or collected.usage
    return collected


def test_queued_jobs_of_a_dead_worker_are_done_elsewhere(pair: RunningServer) -> None:
    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(_text, pair, {**STORY, "prompt": f"Tale {n}:", "max_tokens": 20}) for n in range(24)]
        wait_until(lambda: any(row["running"] for row in pair.workers()), "work has begun")
        os.kill(pair.worker_pids()[0], signal.SIGKILL)
        assert all(answer.result() for answer in answers)


def test_dead_router_comes_back_and_finds_the_loaded_workers(pair: RunningServer) -> None:
    pids = sorted(pair.worker_pids())
    os.kill(pair.router_pid(), signal.SIGKILL)
    wait_until(lambda: pair.status("/ready") == 200 and len(pair.worker_pids()) == 2, "the router answers again")
    assert sorted(pair.worker_pids()) == pids
    assert _text(pair, {**STORY, "max_tokens": 3})


def test_jobs_of_a_dead_router_do_not_keep_their_slots(pair: RunningServer) -> None:
    stream = pair.stream("/v1/completions", {**STORY, "max_tokens": 1900})
    next(stream)
    os.kill(pair.router_pid(), signal.SIGKILL)
    with pytest.raises(StreamLost):
        list(stream)
    wait_until(lambda: pair.status("/ready") == 200, "the router answers again")
    wait_until(pair.idle, "the worker has dropped the job")


def test_one_worker_server_is_unready_until_its_worker_is_back() -> None:
    with running("--nctx", "1024", "smollm2") as server:
        first = server.worker_pids()[0]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.status("/ready") == 503, "/ready says so")
        wait_until(lambda: server.status("/ready") == 200, "the worker is back")
        assert server.worker_pids()[0] != first
        assert "SIGKILL" in server.output()


def test_killed_supervisor_leaves_no_process_behind() -> None:
    server = RunningServer("--nctx", "1024", "smollm2")
    try:
        server.wait_ready()
        children = [psutil.Process(pid) for pid in server.children()]
        assert len(children) == 2
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not any(child.is_running() for child in children), "router and worker have ended")
    finally:
        server.stop()


def test_ctrl_c_lets_a_running_stream_finish() -> None:
    server = RunningServer("--nctx", "1024", "smollm2")
    try:
        server.wait_ready()
        chunks = 0
        for _ in server.stream("/v1/completions", {**STORY, "max_tokens": 100}):
            chunks += 1
            if chunks == 3:
                server.process.send_signal(signal.SIGINT)
        assert chunks >= 100
        assert server.process.wait(30) == 0
    finally:
        server.stop()


def _text(server: RunningServer, body: dict[str, Any]) -> str:
    return str(server.post("/v1/completions", body)["result"])
