"""The router's processor time of a streamed token, in each API."""

from __future__ import annotations

import uvloop

from scripts.bench.measurements.spread import spread
from scripts.bench.overheads.rows import Row
from scripts.bench.router_alone.apis import ALL
from scripts.bench.router_alone.processes import running_router
from scripts.bench.router_alone.runs import STREAM_TOKENS, run_streams

STREAMS = 64


def measure(python: str, rounds: int) -> list[Row]:
    """A row for each API, with the version of Python that runs this.

    Raises:
        WrongAnswer: an answer was wrong.
    """
    spent_s: dict[str, list[float]] = {api.path: [] for api in ALL}
    for _ in range(rounds):
        for api in ALL:
            with running_router(STREAMS) as router:
                cell = uvloop.run(run_streams(router, STREAMS, STREAM_TOKENS, api))
            spent_s[api.path].append(cell["cpu_per_token_s"] * 1e6)
    return [
        Row(
            f"router, CPU a token, `{path}`, Python {python}",
            spread(figures, 1, " µs"),
            "15 µs",
        )
        for path, figures in spent_s.items()
    ]
