"""What an operator does to a running server: drain, restart, end; no request fails by it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import shared
from router.client.errors import ClientError, StreamLost
from router.client.events import StreamEvent
from shared.wire.run_folder import find_admin_sockets
from tests.support.event_stream import Connection, events_in
from tests.support.running_server import RunningServer, running, wait_until
from tests.support.weights import WEIGHTS

DRAIN_TIMEOUT = "3"
RESUMABLE = {"X-Resumable": "true"}


@pytest.fixture(scope="module")
def pair() -> Iterator[RunningServer]:
    """Two workers of the echo engine, which take 20 ms a step."""
    with running("--workers", "2", "--drain-timeout-s", DRAIN_TIMEOUT, "echo:0.02") as server:
        yield server


@pytest.fixture(autouse=True)
def _both_ready(pair: RunningServer) -> None:
    wait_until(lambda: pair.status("/ready") == 200 and len(pair.worker_pids()) == 2, "both workers are ready")


def nexa(*words: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    return subprocess.run([sys.executable, "-m", "router.cli", *words], capture_output=True, text=True, timeout=120)


def request(name: str, count: int) -> dict[str, Any]:
    return {"prompt": f"{name} says this", "max_tokens": count}


def expected(name: str, count: int) -> str:
    words = request(name, count)["prompt"].split()
    return "".join(f"{words[index % len(words)]} " for index in range(count))


def text_of(server: RunningServer, name: str, count: int) -> str:
    chunks = server.stream("/v1/completions", request(name, count))
    return "".join(chunk["choices"][0]["text"] for chunk in chunks)


def test_a_drained_worker_is_out_and_its_streams_go_on_elsewhere(pair: RunningServer) -> None:
    """The short ones end where they are; the long ones are moved when the time is over."""
    with ThreadPoolExecutor(8) as pool:
        counts = [60, 400] * 4
        texts = [pool.submit(text_of, pair, f"client{n}", count) for n, count in enumerate(counts)]
        wait_until(lambda: sum(row["running"] for row in pair.workers()) == 8, "all run")
        done = nexa("drain", "echo/0", "--url", pair.url)
        assert done.returncode == 0, done.stderr
        assert "echo/0 is drained" in done.stdout
        states = {row["name"]: row["state"] for row in pair.workers()}
        assert states == {"echo/0": "drained", "echo/1": "ready"}
        assert [text.result() for text in texts] == [expected(f"client{n}", c) for n, c in enumerate(counts)]
    assert text_of(pair, "later", 5) == expected("later", 5)
    refused = nexa("drain", "echo/1", "--url", pair.url)
    assert refused.returncode == 1
    assert "only worker left for echo" in refused.stderr
    back = nexa("restart", "echo/0", "--url", pair.url)
    assert back.returncode == 0, back.stderr


def test_a_rolling_restart_replaces_all_workers_and_fails_no_request(pair: RunningServer) -> None:
    former = set(pair.worker_pids())
    stopping = threading.Event()

    def load(name: str) -> int:
        """Ask for one text after the other."""
        done = 0
        while not stopping.is_set():
            assert text_of(pair, f"{name}-{done}", 40) == expected(f"{name}-{done}", 40)
            done += 1
        return done

    with ThreadPoolExecutor(6) as pool:
        clients = [pool.submit(load, f"client{n}") for n in range(6)]
        restarted = nexa("restart", "--url", pair.url)
        stopping.set()
        assert all(client.result() for client in clients)
    assert restarted.returncode == 0, restarted.stderr
    assert "echo/0, echo/1: restarted" in restarted.stdout
    assert not set(pair.worker_pids()) & former


def test_a_single_worker_is_restarted_while_requests_wait() -> None:
    with running("--drain-timeout-s", "1", "echo:0.02") as server, ThreadPoolExecutor(2) as pool:
        long = pool.submit(text_of, server, "long", 200)
        wait_until(lambda: server.workers()[0]["running"] == 1, "it runs")
        restarting = pool.submit(nexa, "restart", "echo/0", "--url", server.url)
        wait_until(lambda: server.status("/ready") == 503, "it is out")
        assert text_of(server, "late", 5) == expected("late", 5)
        assert long.result() == expected("long", 200)
        assert restarting.result().returncode == 0


@pytest.mark.parametrize("words", [("drain", "nobody/7"), ("restart", "nobody/7")])
def test_a_name_that_is_no_worker_is_refused_with_those_that_are(pair: RunningServer, words: tuple[str, str]) -> None:
    refused = nexa(*words, "--url", pair.url)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "name: expected one of echo/0, echo/1; got 'nobody/7'" in refused.stderr


def test_with_an_admin_socket_only_the_owner_of_the_run_folder_restarts_workers() -> None:
    earlier = set(find_admin_sockets())
    with running("--admin-socket", "echo:0.02") as server:
        (path,) = set(find_admin_sockets()) - earlier
        refused = nexa("restart", "--url", server.url)
        assert "(--admin-socket): expected nexa drain, restart, load or unload with --admin-socket" in refused.stderr
        former = server.worker_pids()
        restarted = nexa("restart", "--admin-socket", str(path))
        assert (restarted.returncode, restarted.stdout) == (0, "echo/0: restarted\n")
        assert not set(server.worker_pids()) & set(former)
    assert not path.exists()


def test_an_admin_socket_that_nobody_serves_is_one_line(tmp_path: Path) -> None:
    refused = nexa("restart", "--admin-socket", str(tmp_path / "admin"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"nexa: --admin-socket: no server answers at {tmp_path}/admin")
    assert refused.stderr.count("\n") == 1


def test_a_server_that_is_not_there_is_one_line() -> None:
    refused = nexa("drain", "echo/0", "--url", "http://127.0.0.1:9")
    assert refused.returncode == 1
    assert refused.stderr.startswith("nexa: --url: no server answers at http://127.0.0.1:9")
    assert refused.stderr.count("\n") == 1


def test_a_worker_that_hangs_is_replaced_and_its_streams_go_on_elsewhere(pair: RunningServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = [pool.submit(text_of, pair, f"client{n}", 300) for n in range(8)]
        wait_until(lambda: sum(row["running"] for row in pair.workers()) == 8, "all run")
        hanging = pair.workers()[0]["pid"]
        os.kill(hanging, signal.SIGSTOP)
        assert [text.result() for text in texts] == [expected(f"client{n}", 300) for n in range(8)]
    wait_until(lambda: not psutil.pid_exists(hanging) and len(pair.worker_pids()) == 2, "another one is in its place")
    assert "no heartbeat for" in next(row["detail"] for row in pair.workers() if row["name"] == "echo/0")


def test_a_worker_that_was_only_slow_goes_on_without_a_mix_up(pair: RunningServer) -> None:
    """It is given up after five seconds and comes back after seven, still at work on what others have taken over."""
    with ThreadPoolExecutor(8) as pool:
        texts = [pool.submit(text_of, pair, f"client{n}", 500) for n in range(8)]
        wait_until(lambda: sum(row["running"] for row in pair.workers()) == 8, "all run")
        slow = pair.workers()[0]["pid"]
        os.kill(slow, signal.SIGSTOP)
        wait_until(lambda: slow not in [row["pid"] for row in pair.workers()], "the router has given it up")
        os.kill(slow, signal.SIGCONT)
        assert [text.result() for text in texts] == [expected(f"client{n}", 500) for n in range(8)]
    wait_until(lambda: pair.idle() and slow in pair.worker_pids(), "it serves again, without a job")


def test_a_worker_that_cannot_start_any_more_is_shown_with_its_last_lines_and_can_be_brought_back(
    tmp_path: Path,
) -> None:
    weights, away = tmp_path / "small.gguf", tmp_path / "away.gguf"
    shutil.copyfile(WEIGHTS, weights)
    with running("echo", str(weights), "--nctx", "1024") as server:

        def row() -> dict[str, Any]:
            return next(row for row in server.workers() if row["name"] == "small/0")

        weights.rename(away)
        os.kill(row()["pid"], signal.SIGKILL)
        wait_until(lambda: row()["state"] == "failed", "it is given up")
        assert "given up after 5 failed starts" in row()["detail"]
        assert any("small cannot be loaded" in line for line in row()["last_lines"])
        unready = server.client.get("/ready")
        assert unready.status_code == 503
        assert "small/0 failed (given up after 5 failed starts" in unready.json()["missing"]["small"]
        assert "small cannot be loaded" in unready.json()["missing"]["small"]
        refused = server.client.post("/v1/completions", json={**request("no", 5), "model": "small"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_worker")
        assert text_of(server, "others", 5) == expected("others", 5)
        away.rename(weights)
        back = nexa("restart", "small/0", "--url", server.url)
        assert back.returncode == 0, back.stderr
        assert server.post("/v1/completions", {**request("yes", 5), "model": "small"})["result"]


def test_a_change_of_the_code_restarts_the_front_process_and_no_model_is_loaded_again() -> None:
    with running("--reload", "echo") as server:
        router, workers = server.router_pid(), server.worker_pids()

        def noticed() -> bool:
            Path(shared.__file__).write_bytes(Path(shared.__file__).read_bytes())
            return "code changed" in server.output()

        wait_until(noticed, "a change is noticed")
        wait_until(lambda: server.status("/ready") == 200 and server.router_pid() != router, "another router serves")
        assert server.worker_pids() == workers
        assert server.post("/v1/completions", request("anna", 3))["choices"][0]["text"] == expected("anna", 3)


def test_sigterm_lets_streams_end_and_takes_no_more() -> None:
    server = RunningServer("--drain-timeout-s", "30", "echo:0.02")
    try:
        server.wait_ready()
        with ThreadPoolExecutor(3) as pool:
            texts = [pool.submit(text_of, server, f"client{n}", 150) for n in range(3)]
            wait_until(lambda: server.workers()[0]["running"] == 3, "all run")
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _answers(server), "nobody listens any more")
            assert [text.result() for text in texts] == [expected(f"client{n}", 150) for n in range(3)]
        assert server.process.wait(30) == 0
    finally:
        server.stop()


def test_sigterm_does_not_wait_longer_than_the_drain_timeout() -> None:
    server = RunningServer("--drain-timeout-s", "1", "echo:0.05")
    try:
        server.wait_ready()
        stream = server.stream("/v1/completions", request("endless", 100_000))
        next(stream)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ClientError):
            list(stream)
        assert server.process.wait(30) == 0
    finally:
        server.stop()


def test_a_killed_supervisor_leaves_no_process_and_no_folder_to_stumble_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = Path(os.environ.get("TMPDIR", "/tmp")) / f"nx{os.getpid()}"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    server = RunningServer("--workers", "2", "echo:0.02")
    try:
        server.wait_ready()
        children = [psutil.Process(pid) for pid in server.children()]
        (left,) = runtime.glob("nexa-*")
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not any(child.is_running() for child in children), "router and workers have ended")
        with running("echo:0.02") as second:
            (folder,) = runtime.glob("nexa-*")
            assert folder != left
            assert text_of(second, "after", 3) == expected("after", 3)
        assert list(runtime.glob("nexa-*")) == []
    finally:
        server.stop()
        runtime.rmdir()


def _answers(server: RunningServer) -> bool:
    try:
        httpx.get(f"{server.url}/health", timeout=5)
    except httpx.HTTPError:
        return False
    return True


def test_a_router_that_hangs_is_replaced_also_while_a_client_streams(pair: RunningServer) -> None:
    """A resumable stream goes on at the next router; other jobs end with their connections."""
    stream = pair.stream("/v1/completions", request("client", 3000))
    next(stream)
    former, workers = pair.router_pid(), sorted(pair.worker_pids())
    with Connection(pair.url, "/v1/completions", {**request("back", 400), "stream": True}, RESUMABLE) as connection:
        events = connection.read_events(10)
        os.kill(former, signal.SIGSTOP)
    with pytest.raises(StreamLost):
        list(stream)
    assert read_rest(pair, connection.headers["X-Job-Id"], events) == expected("back", 400)
    wait_until(lambda: pair.status("/ready") == 200, "a new router answers")
    assert pair.router_pid() != former
    wait_until(lambda: sorted(pair.worker_pids()) == workers, "it has found the same workers")
    assert "no answer for 10 s; the router was killed" in pair.output()
    wait_until(pair.idle, "the job of the broken connection has ended")
    assert text_of(pair, "later", 5) == expected("later", 5)


def test_a_resumable_stream_survives_its_worker_and_then_two_routers(pair: RunningServer) -> None:
    with Connection(pair.url, "/v1/completions", {**request("back", 400), "stream": True}, RESUMABLE) as connection:
        events = connection.read_events(10)
        busy = wait_until(lambda: [row["pid"] for row in pair.workers() if row["running"]], "one worker is busy")
        os.kill(busy[0], signal.SIGKILL)
        events = connection.read_events(200)  # more than the worker can have sent
        os.kill(pair.router_pid(), signal.SIGKILL)
    job_id = connection.headers["X-Job-Id"]
    with come_back(pair, job_id, events) as connection:
        events += connection.read_events(20)
        os.kill(pair.router_pid(), signal.SIGKILL)
    assert read_rest(pair, job_id, events) == expected("back", 400)


def come_back(server: RunningServer, job_id: str, events: list[StreamEvent]) -> Connection:
    headers = {"Last-Event-ID": str(events[-1].id)}
    return Connection(server.url, f"/v1/jobs/{job_id}/events", headers=headers)


def read_rest(server: RunningServer, job_id: str, events: list[StreamEvent]) -> str:
    """The text of a stream whose first ``events`` have been read, each of them once."""
    with come_back(server, job_id, events) as connection:
        assert connection.status == 200
        events = events + events_in(connection.read_to_end())
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].data == "[DONE]"
    return "".join(event.json["choices"][0]["text"] for event in events[:-1])


def test_a_server_that_loses_its_run_folder_goes_on_and_replaces_its_processes(pair: RunningServer) -> None:
    """A logout and cleaners of temporary files remove it."""
    folder = pair.run_folder()
    with ThreadPoolExecutor(1) as pool:
        text = pool.submit(text_of, pair, "client", 100)
        wait_until(lambda: any(row["running"] for row in pair.workers()), "it runs")
        shutil.rmtree(folder)
        assert text.result() == expected("client", 100)
    former = set(pair.worker_pids())
    for pid in former:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(pair.worker_pids()) - former) == 2, "new workers")
    assert text_of(pair, "second", 5) == expected("second", 5)
    router = pair.router_pid()
    os.kill(router, signal.SIGKILL)
    wait_until(lambda: pair.status("/ready") == 200 and pair.router_pid() != router, "a new router")
    assert text_of(pair, "third", 5) == expected("third", 5)
    assert folder.stat().st_mode & 0o777 == 0o700
