"""Files and batches of a real server: the ``openai`` package, kills in the middle, and users beside a batch."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openai import OpenAI
from openai.types import Batch

from router.keys.store import KeyStore
from tests.support.batches.running_app import ENDED, chat_line, jsonl
from tests.support.running_server import RunningServer, running, wait_until

LINES = 60
SLOW_ECHO = ("echo@step_s=0.02", "--slots", "4")


@contextmanager
def client_of(server: RunningServer, key: str = "x") -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as client:
        yield client


@contextmanager
def closing_server(server: RunningServer) -> Iterator[None]:
    """Wait until it is ready, and stop it at the end."""
    try:
        server.wait_ready()
        yield
    finally:
        server.stop()


def begin(client: OpenAI, lines: list[dict[str, Any]]) -> str:
    """The id of a new batch."""
    file = client.files.create(file=("input.jsonl", jsonl(lines)), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    return batch.id


def ended(client: OpenAI, batch_id: str) -> Batch:
    """The batch at its end; a router that is away for a moment is asked again."""

    def look() -> Batch | None:
        try:
            batch = client.batches.retrieve(batch_id)
        except Exception as error:
            if "Connection" not in type(error).__name__ and getattr(error, "status_code", 0) != 503:
                raise
            return None
        return batch if batch.status in ENDED else None

    found: Batch = wait_until(look, "the batch has ended")
    return found


def completed(client: OpenAI, batch_id: str) -> int:
    counts = client.batches.retrieve(batch_id).request_counts
    return 0 if counts is None else counts.completed


def wait_for_lines(client: OpenAI, batch_id: str, count: int) -> None:
    wait_until(lambda: completed(client, batch_id) >= count, f"{count} lines are done")


def answers(client: OpenAI, file_id: str | None) -> dict[str, str]:
    """The texts of an output file by their ids, each of which must be there once."""
    assert file_id is not None
    lines = [json.loads(line) for line in client.files.content(file_id).text.splitlines()]
    assert max(Counter(line["custom_id"] for line in lines).values()) == 1
    return {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in lines}


def slow_lines() -> list[dict[str, Any]]:
    return [chat_line(f"r{number}", f"word{number}", max_tokens=10) for number in range(LINES)]


def assert_each_once(client: OpenAI, batch_id: str) -> None:
    batch = ended(client, batch_id)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (
        LINES,
        LINES,
        0,
    )
    found = answers(client, batch.output_file_id)
    assert {custom_id: text.split()[0] for custom_id, text in found.items()} == {
        f"r{number}": f"word{number}" for number in range(LINES)
    }


def test_a_model_answers_a_batch_of_chats_with_bad_lines_among_them(tmp_path: Path) -> None:
    lines = [chat_line(f"r{number}", f"Say {number}.", max_tokens=5) for number in range(20)]
    lines += [chat_line("hot", "Hi", temperature=9), chat_line("stream", "Hi", stream=True)]
    with running("smollm2", "--key-file", str(tmp_path / "keys.sqlite3")) as server, client_of(server) as client:
        batch = ended(client, begin(client, lines))
        assert batch.status == "completed"
        assert len(answers(client, batch.output_file_id)) == 20
        assert batch.error_file_id is not None
        errors = [json.loads(line) for line in client.files.content(batch.error_file_id).text.splitlines()]
        assert [(error["custom_id"], error["response"]["status_code"]) for error in errors] == [
            ("hot", 400),
            ("stream", 400),
        ]
        bad = client.files.create(file=("bad.jsonl", b"{nonsense\n"), purpose="batch")
        failed = client.batches.create(input_file_id=bad.id, endpoint="/v1/chat/completions", completion_window="24h")
        failed = ended(client, failed.id)
        assert failed.status == "failed"
        assert failed.errors is not None
        assert [(error.line, error.code) for error in failed.errors.data or []] == [(1, "invalid_json_line")]
        assert server.client.get("/v1/usage").json()["data"][0]["requests"] == 20


def test_a_router_that_is_killed_again_and_again_misses_and_doubles_no_line(tmp_path: Path) -> None:
    with running(*SLOW_ECHO, "--state-folder", str(tmp_path)) as server, client_of(server) as client:
        batch_id = begin(client, slow_lines())
        for enough in (5, 20, 40):
            wait_for_lines(client, batch_id, enough)
            os.kill(server.router_pid(), signal.SIGKILL)
            wait_until(lambda: server.status("/health") == 200, "another router is there")
            wait_until(lambda: server.status("/v1/batches") == 200, "it has the files")
        assert_each_once(client, batch_id)
        assert "Traceback" not in server.output()


def test_a_server_that_is_killed_as_a_whole_goes_on_when_it_is_started_again(tmp_path: Path) -> None:
    server = RunningServer(*SLOW_ECHO, "--state-folder", str(tmp_path))
    try:
        server.wait_ready()
        with client_of(server) as client:
            batch_id = begin(client, slow_lines())
            wait_for_lines(client, batch_id, 10)
    finally:
        os.killpg(server.process.pid, signal.SIGKILL)
        server.stop()
    with running(*SLOW_ECHO, "--state-folder", str(tmp_path)) as server, client_of(server) as client:
        assert_each_once(client, batch_id)
        assert len(list((tmp_path / "files").iterdir())) == 2


def test_a_user_beside_a_running_batch_is_served_before_the_lines_that_run(tmp_path: Path) -> None:
    """By order of events: the batch has all slots, and its lines take 100 times as many tokens as the user's answer."""
    keys = KeyStore.open(tmp_path / "keys.sqlite3")
    ann, bob = keys.create("ann"), keys.create("bob")
    keys.close()
    lines = [chat_line(f"r{number}", "a long story", max_tokens=500) for number in range(12)]
    server = RunningServer(*SLOW_ECHO, "--key-file", str(tmp_path / "keys.sqlite3"))
    server.client.headers["Authorization"] = f"Bearer {bob}"
    with closing_server(server), client_of(server, ann) as batches, client_of(server, bob) as chats:
        batch_id = begin(batches, lines)
        wait_until(lambda: server.workers()[0]["running"] == 4, "the batch has all slots")
        for _ in range(3):
            answer = chats.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": "Hello there"}], max_tokens=5
            )
            assert answer.choices[0].message.content
        assert completed(batches, batch_id) == 0
        assert batches.batches.cancel(batch_id).status == "cancelling"
        batch = ended(batches, batch_id)
        assert batch.status == "cancelled"
        assert batch.error_file_id is not None
        errors = [json.loads(line) for line in batches.files.content(batch.error_file_id).text.splitlines()]
        assert {error["error"]["code"] for error in errors} == {"batch_cancelled"}
        assert len(errors) == len(lines)
        wait_until(server.idle, "the slots are free")
