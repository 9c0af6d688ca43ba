"""The benchmark of the router alone: how it reads what arrives, and one small run."""

from __future__ import annotations

import uvloop

from scripts.bench.router_alone.processes import running_router
from scripts.bench.router_alone.runs import max_at_once, run_streams, token_delays


def stamp(value_ns: int) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%d "}}]}\n\n' % value_ns


def test_the_delay_of_a_token_is_the_time_from_its_stamp_to_the_arrival_of_its_last_byte() -> None:
    first, second, third = stamp(1_000_000_000), stamp(2_000_000_000), stamp(2_500_000_000)
    received = [(1.25, b"ce\r\n" + first + b"\r\n"), (2.1, second[:20]), (2.5, second[20:] + third)]
    assert token_delays(received) == [0.25, 0.5, 0.0]


def test_a_stream_is_open_from_its_first_to_its_last_byte() -> None:
    answers = [[(0.0, b""), (2.0, b"")], [(1.0, b""), (3.0, b"")], [(2.5, b""), (4.0, b"")]]
    assert max_at_once(answers) == 2
    assert max_at_once(answers[:1]) == 1


def test_a_small_run_counts_every_token() -> None:
    with running_router(slots=3) as router:
        cell = uvloop.run(run_streams(router, streams=3, tokens=2000))  # enough for the CPU clock to tick
    assert cell["tokens"] == 3 * 2000
    assert cell["router_cpu_s"] > 0
    assert cell["tokens_per_write"] > 0
