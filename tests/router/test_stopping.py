"""What the router does first when it is to stop."""

from __future__ import annotations

import asyncio

import uvicorn
from starlette.applications import Starlette

from router.__main__ import StoppingServer


def test_what_need_not_be_waited_for_is_stopped_before_the_drain() -> None:
    stops: list[bool] = []
    config = uvicorn.Config(Starlette(), port=0, lifespan="off", log_config=None)
    server = StoppingServer(lambda: stops.append(server.started), config)
    server.should_exit = True
    asyncio.run(server.serve())
    assert stops == [True]
