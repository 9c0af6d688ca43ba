"""Keys with names on a running server: made, used, limited, revoked and counted, and what all of it survives."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run
from typing import Any

import httpx
import openai
import pytest

from tests.support.running_server import RunningServer, running, wait_until


class KeyedServer:
    """``nexa server`` on the echo engine with a key file of its own, which had one key when it started."""

    def __init__(self, server: RunningServer, path: Path, admin: str) -> None:
        self.server = server
        self.path = path
        self.admin = admin

    def nexa(self, *words: str) -> str:
        """The output of ``nexa key``, which must succeed."""
        return key_command(self.path, *words)

    def client(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.server.url}/v1", api_key=key, max_retries=0)

    def usage(self, key: str) -> dict[str, Any]:
        """The sums of a key, as its user is told."""
        answer = httpx.get(f"{self.server.url}/v1/usage", headers={"Authorization": f"Bearer {key}"})
        (row,) = answer.json()["data"]
        return dict(row)


def key_command(path: Path, *words: str) -> str:
    command = [sys.executable, "-m", "router.cli", "key", *words, "--key-file", str(path)]
    done = run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    path = tmp_path_factory.mktemp("keyed") / "keys.sqlite3"
    admin = key_command(path, "create", "root", "--admin")
    server = RunningServer("echo:0.01", "--slots", "2", "--key-file", str(path))
    server.client.headers["Authorization"] = f"Bearer {admin}"
    try:
        server.wait_ready()
        yield KeyedServer(server, path, admin)
    finally:
        server.stop()


def ask(client: openai.OpenAI, tokens: int = 5) -> str:
    return client.completions.create(model="echo", prompt="one two three", max_tokens=tokens).choices[0].text


def test_a_key_is_used_limited_counted_and_revoked_without_a_restart(keyed: KeyedServer) -> None:
    key = keyed.nexa("create", "bob", "--limit", "running=1,queued=0")
    bob = keyed.client(key)
    assert ask(bob) == "one two three one two "
    with bob.completions.create(model="echo", prompt="a", max_tokens=5000, stream=True) as stream:
        next(iter(stream))
        with pytest.raises(openai.RateLimitError, match="queued=0") as refused:
            ask(bob)
        assert int(refused.value.response.headers["Retry-After"]) >= 1
        assert ask(keyed.client(keyed.admin)), "another user was held up"
    wait_until(keyed.server.idle, "the cancelled stream is gone")
    usage = wait_until(lambda: (row := keyed.usage(key))["requests"] == 2 and row, "both requests are counted")
    assert usage["key"] == "bob"
    assert usage["completion_tokens"] > 5
    (row,) = json.loads(keyed.nexa("usage", "bob", "--json"))
    assert row["requests"] == 2
    keyed.nexa("revoke", "bob")
    wait_until(lambda: is_refused(bob), "the server has looked at the file")


def is_refused(client: openai.OpenAI) -> bool:
    """Whether the client's key is unknown."""
    try:
        ask(client)
    except openai.AuthenticationError:
        return True
    return False


def test_without_a_key_nothing_but_health_and_the_document_answers(keyed: KeyedServer) -> None:
    paths = ["/health", "/openapi.json", "/docs", "/v1/models", "/v1/workers", "/metrics", "/v1/usage", "/v1/jobs"]
    statuses = [httpx.get(f"{keyed.server.url}{path}").status_code for path in paths]
    assert statuses == [200, 200, 200, 401, 401, 401, 401, 401]


def test_no_accounted_request_is_lost_when_the_router_is_killed(keyed: KeyedServer) -> None:
    """What was written before is there after it, and what comes after it is added."""
    key = keyed.nexa("create", "kim")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ask(keyed.client(key)), range(8)))
    assert wait_until(lambda: keyed.usage(key)["requests"] == 8, "all are counted")
    former = keyed.server.router_pid()
    os.kill(former, signal.SIGKILL)
    wait_until(lambda: keyed.server.status("/ready") == 200 and keyed.server.router_pid() != former, "it is back")
    assert keyed.usage(key)["requests"] == 8
    ask(keyed.client(key))
    assert wait_until(lambda: keyed.usage(key)["requests"] == 9, "the ninth is counted")


def test_prompts_and_keys_are_in_no_log(keyed: KeyedServer) -> None:
    key = keyed.nexa("create", "sue")
    keyed.client(key).completions.create(model="echo", prompt="a-secret-of-sue", max_tokens=3)
    wait_until(lambda: "user=sue" in keyed.server.output(), "the request is in the log")
    output = keyed.server.output()
    assert "a-secret-of-sue" not in output
    assert key.split("-", 2)[2] not in output


def test_the_last_requests_are_counted_when_the_server_ends(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with running("echo", "--key-file", str(path)) as server:
        server.post("/v1/completions", {"prompt": "a b", "max_tokens": 4})
    (row,) = json.loads(key_command(path, "usage", "--json"))
    assert (row["key"], row["requests"], row["completion_tokens"]) == (None, 1, 4)


def test_an_awaited_key_is_created_while_the_server_refuses_all_requests(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite3"
    server = RunningServer("echo", "--await-key", "--key-file", str(path))
    try:
        wait_until(lambda: server.status("/health") == 200, "the router answers")
        assert [server.status(path) for path in ("/v1/models", "/ready", "/metrics")] == [401, 401, 401]
        assert "create one: nexa key create NAME" in server.output()
        key = key_command(path, "create", "anna", "--admin")
        server.client.headers["Authorization"] = f"Bearer {key}"
        server.wait_ready()
        del server.client.headers["Authorization"]
        assert server.status("/v1/models") == 401
    finally:
        assert server.stop() == 0
