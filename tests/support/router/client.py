"""Ways to talk to the application in tests: in process, and over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from router.app import create_app
from tests.support.router.fake_broker import FakeBroker

CHAT = {"messages": [{"role": "user", "content": "Tell me a story"}]}
COMPLETION = {"prompt": "Tell me a story"}


def app_of(broker: FakeBroker) -> FastAPI:
    """The broker's application, which is made once since that takes a while."""
    if broker.app is None:
        broker.app = create_app(broker)
    return broker.app


@contextlib.asynccontextmanager
async def http_client(broker: FakeBroker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this process."""
    transport = httpx.ASGITransport(app=app_of(broker))
    async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as client:
        yield client


def ask(broker: FakeBroker, method: str, path: str, **request: Any) -> httpx.Response:
    """One request's response."""

    async def go() -> httpx.Response:
        async with http_client(broker) as client:
            return await client.request(method, path, **request)

    return asyncio.run(go())


def post(broker: FakeBroker, path: str, body: Any, **request: Any) -> httpx.Response:
    """The response to a JSON body."""
    return ask(broker, "POST", path, json=body, **request)


@contextlib.contextmanager
def serving(broker: FakeBroker) -> Iterator[str]:
    """A real server in a thread; gives its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app_of(broker), log_config=None, access_log=False, proxy_headers=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def wait_until(condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Return as soon as ``condition`` holds."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.005)
