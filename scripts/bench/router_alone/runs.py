"""The measurements: each runs on a new router with one echo worker, and checks every answer."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from scripts.bench.measurements.figures import percentile
from scripts.bench.router_alone.apis import CHAT, OTHERS, StreamedApi
from scripts.bench.router_alone.light_client import (
    JSON_END,
    Connection,
    Received,
    WrongAnswer,
    first_text_s,
    read_stream,
    request_bytes,
)
from scripts.bench.router_alone.processes import RouterAlone, running_router

STREAM_TOKENS = 2000
PACED_STEP_S = 0.02
PACED_TOKENS = 200
SINGLE_REQUESTS = 300
OPEN_STEP_S = 0.5
OPEN_TOKENS = 12
SAMPLE_INTERVAL_S = 0.1
WARM_UPS = 50
PROMPT = "once upon a time there was a small server that answered many people at once and never slept"


def measure(streams: int = 64, open_streams: int = 1000, rounds: int = 3) -> dict[str, Any]:
    """All figures of the router; times in seconds, sizes in bytes. ``busy`` is the median of ``rounds`` rounds.

    Raises:
        RuntimeError: the router or its worker did not start.
        WrongAnswer: an answer was wrong.
    """
    _allow_open_files(open_streams + 200)
    busy = [_at(run_streams, streams, tokens=STREAM_TOKENS) for _ in range(rounds)]
    return {
        "busy": sorted(busy, key=lambda cell: cell["cpu_per_token_s"])[len(busy) // 2],
        "paced": _at(run_streams, streams, PACED_STEP_S, tokens=PACED_TOKENS),
        "request": _at(run_single_requests, 1),
        "delay": _at(run_delays, streams, PACED_STEP_S, "scripts.bench.router_alone.clock_worker"),
        "open": _at(run_open_streams, open_streams, OPEN_STEP_S),
        "apis": {api.path: _at(run_streams, streams, tokens=STREAM_TOKENS, api=api) for api in (CHAT, *OTHERS)},
    }


def _at(run: Any, streams: int, step_s: float = 0.0, worker_module: str = "workers", **options: Any) -> dict[str, Any]:
    """Run one measurement on a new router, with as many slots as streams."""
    with running_router(streams, step_s, worker_module) as router:
        cell: dict[str, Any] = uvloop.run(run(router, streams, **options))
    return cell


async def run_streams(router: RouterAlone, streams: int, tokens: int, api: StreamedApi = CHAT) -> dict[str, Any]:
    """Run all streams at once: the router's cost of a streamed token in one API."""
    await _warm_up(router)
    connections = [await Connection.open(router.host, router.port) for _ in range(streams)]
    cpu_s, began_at_s = router.cpu_s(), time.monotonic()
    answers = await asyncio.gather(*[connection.ask(_request(tokens, api)) for connection in connections])
    wall_s, cpu_s = time.monotonic() - began_at_s, router.cpu_s() - cpu_s
    _close(connections)
    counted, writes = _check(answers, tokens, api)
    return {
        "streams": streams,
        "tokens": counted,
        "tokens_per_s": counted / wall_s,
        "router_cpu_s": cpu_s,
        "cpu_share": cpu_s / wall_s,
        "cpu_per_token_s": cpu_s / counted,
        "cpu_per_1000_tokens_s": 1000 * cpu_s / counted,
        "tokens_per_cpu_s": counted / cpu_s,
        "tokens_per_write": counted / writes,
    }


async def run_single_requests(router: RouterAlone, streams: int) -> dict[str, Any]:
    """Send short requests one after the other, each on a new connection.

    TTFT is measured from before the connection, and includes wire and worker; the echo engine takes almost no time.
    """
    await _warm_up(router)
    ttfts_s, cpu_s = [], router.cpu_s()
    for _ in range(SINGLE_REQUESTS):
        began_at_s = time.monotonic()
        connection = await Connection.open(router.host, router.port)
        answer = await connection.ask(_request(1))
        ttfts_s.append(first_text_s(answer) - began_at_s)
        connection.close()
        _check([answer], 1)
    return {
        "requests": SINGLE_REQUESTS,
        "ttft_p50_s": percentile(ttfts_s, 50),
        "ttft_p95_s": percentile(ttfts_s, 95),
        "cpu_per_request_s": (router.cpu_s() - cpu_s) / SINGLE_REQUESTS,
    }


async def run_delays(router: RouterAlone, streams: int) -> dict[str, Any]:
    """Measure the time of a token from the engine to the client's socket, with one client and with all at once."""
    await _warm_up(router)
    cell: dict[str, Any] = {"streams": streams}
    for name, count in (("one", 1), ("all", streams)):
        connections = [await Connection.open(router.host, router.port) for _ in range(count)]
        answers = await asyncio.gather(*[connection.ask(_request(PACED_TOKENS)) for connection in connections])
        _close(connections)
        delays_s = [delay_s for answer in answers for delay_s in token_delays(answer)]
        if len(delays_s) != count * PACED_TOKENS:
            raise WrongAnswer(f"expected {count * PACED_TOKENS} tokens, got {len(delays_s)}")
        cell[f"{name}_p50_s"], cell[f"{name}_p99_s"] = percentile(delays_s, 50), percentile(delays_s, 99)
    return cell


async def run_open_streams(router: RouterAlone, streams: int) -> dict[str, Any]:
    """Measure the router's memory with many connections: idle after an answer, then all with a stream at once."""
    await _warm_up(router)
    start_bytes = router.rss_bytes()
    connections = []
    for _ in range(streams):
        connections.append(await Connection.open(router.host, router.port))
        await connections[-1].ask(request_bytes("/health"), JSON_END)
    idle_bytes = router.rss_bytes()
    asking = asyncio.gather(*[connection.ask(_request(OPEN_TOKENS)) for connection in connections])
    peak_bytes = idle_bytes
    while not asking.done():
        peak_bytes = max(peak_bytes, router.rss_bytes())
        await asyncio.wait([asking], timeout=SAMPLE_INTERVAL_S)
    answers = asking.result()
    _close(connections)
    _check(answers, OPEN_TOKENS)
    return {
        "streams": streams,
        "at_once": max_at_once(answers),
        "rss_start_bytes": start_bytes,
        "rss_peak_bytes": peak_bytes,
        "idle_connection_bytes": (idle_bytes - start_bytes) / streams,
        "active_stream_bytes": (peak_bytes - start_bytes) / streams,
    }


def token_delays(received: Sequence[Received]) -> list[float]:
    """The seconds from each token's timestamp, which is its text, to its arrival."""
    delays_s, rest = [], b""
    for arrived_at_s, data in received:
        *events, rest = (rest + data).split(b"\n\n")
        for event in events:
            _, found, text = event.partition(b'"delta":{"content":"')
            if found:
                delays_s.append(arrived_at_s - int(text.partition(b" ")[0]) / 1e9)
    return delays_s


def max_at_once(answers: Sequence[Sequence[Received]]) -> int:
    """The maximum number of streams that were open at the same time."""
    edges = sorted([(received[0][0], 1) for received in answers] + [(received[-1][0], -1) for received in answers])
    count = maximum = 0
    for _, change in edges:
        count += change
        maximum = max(maximum, count)
    return maximum


def _request(tokens: int, api: StreamedApi = CHAT) -> bytes:
    return request_bytes(api.path, api.body(PROMPT, tokens))


async def _warm_up(router: RouterAlone) -> None:
    for _ in range(WARM_UPS):
        connection = await Connection.open(router.host, router.port)
        await connection.ask(_request(1))
        connection.close()


def _close(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.close()


def _check(answers: Sequence[Sequence[Received]], tokens: int, api: StreamedApi = CHAT) -> tuple[int, int]:
    """Check answers of ``tokens`` tokens each; returns the total numbers of tokens and of HTTP chunks.

    Raises:
        WrongAnswer: an answer has a wrong, missing or extra word.
    """
    wanted = PROMPT.split()
    counted = writes = 0
    for received in answers:
        stream, chunks = read_stream(received)
        text, used = api.read(stream)
        words = text.split()
        right = all(word == wanted[at % len(wanted)] for at, word in enumerate(words))
        if not right or len(words) != tokens or used != tokens:
            raise WrongAnswer(f"expected {tokens} tokens, got {len(words)} words and {used} in usage: {words[:20]}")
        counted += used
        writes += chunks
    return counted, writes


def _allow_open_files(files: int) -> None:
    """Allow ``files`` open files in this process and the processes that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))
