"""uvicorn still has the internals that ``router/http/connections/connection.py`` overrides and reads."""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from httptools import HttpRequestParser
from packaging.requirements import Requirement
from packaging.version import Version
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

PYPROJECT = Path(__file__).parents[4] / "pyproject.toml"
REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"


def changed(what: str) -> str:
    return f"uvicorn {uvicorn.__version__} changed {what}: see router/http/connections/connection.py"


class Transport(asyncio.Transport):
    """Records what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def application(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


class Connection:
    """A connection of uvicorn's own protocol, without a network."""

    def __init__(self, protocol: type[HttpToolsProtocol] = HttpToolsProtocol) -> None:
        self.loop = asyncio.new_event_loop()
        config = uvicorn.Config(application, log_config=None, lifespan="off")
        self.state = ServerState()
        self.protocol = protocol(config=config, server_state=self.state, app_state={}, _loop=self.loop)
        self.transport = Transport()
        self.protocol.connection_made(self.transport)

    def close(self) -> None:
        for task in self.state.tasks:
            task.cancel()
        if self.state.tasks:
            self.loop.run_until_complete(asyncio.wait(self.state.tasks))
        self.loop.close()


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("connection_made", ["transport"]),
        ("connection_lost", ["exc"]),
        ("data_received", ["data"]),
        ("on_message_begin", []),
        ("on_url", ["url"]),
        ("on_header", ["name", "value"]),
        ("on_headers_complete", []),
        ("on_message_complete", []),
        ("on_response_complete", []),
        ("shutdown", []),
        ("_start_asgi_task", ["cycle", "app"]),
        ("send_400_response", ["msg"]),
        ("pause_writing", []),
        ("resume_writing", []),
    ],
)
def test_the_overridden_methods_have_the_same_parameters(method: str, parameters: list[str]) -> None:
    found = vars(HttpToolsProtocol).get(method)
    assert found is not None, changed(f"HttpToolsProtocol.{method} (it is gone)")
    actual = list(inspect.signature(found).parameters)[1:]
    assert actual == parameters, changed(f"the parameters of HttpToolsProtocol.{method}")


def test_a_new_connection_has_the_attributes_that_are_read(connection: Connection) -> None:
    protocol = vars(connection.protocol)
    assert isinstance(protocol.get("parser"), HttpRequestParser), changed("HttpToolsProtocol.parser")
    assert protocol.get("expect_100_continue") is False, changed("HttpToolsProtocol.expect_100_continue")
    assert protocol.get("loop") is connection.loop, changed("HttpToolsProtocol.loop")
    assert protocol.get("transport") is connection.transport, changed("HttpToolsProtocol.transport")
    assert protocol.get("connections") == {connection.protocol}, changed("HttpToolsProtocol.connections")
    assert protocol.get("client", "gone") is None, changed("HttpToolsProtocol.client")
    assert protocol.get("app_state") == {}, changed("HttpToolsProtocol.app_state")
    assert protocol.get("cycle", "gone") is None, changed("HttpToolsProtocol.cycle")
    assert getattr(protocol.get("flow"), "read_paused", None) is False, changed("HttpToolsProtocol.flow.read_paused")


def test_a_request_starts_a_cycle_with_the_fields_that_are_read(connection: Connection) -> None:
    connection.protocol.data_received(REQUEST)
    cycle = connection.protocol.cycle
    assert isinstance(cycle, RequestResponseCycle), changed("the class of HttpToolsProtocol.cycle")
    fields = vars(cycle)
    for name in ("response_started", "response_complete", "disconnected"):
        assert fields.get(name) is False, changed(f"RequestResponseCycle.{name}")
    assert fields.get("waiting_for_100_continue") is True, changed("RequestResponseCycle.waiting_for_100_continue")
    assert fields.get("chunked_encoding", "gone") is None, changed("RequestResponseCycle.chunked_encoding")
    assert fields.get("expected_content_length") == 0, changed("RequestResponseCycle.expected_content_length")
    assert fields.get("scope", {}).get("http_version") == "1.1", changed("RequestResponseCycle.scope")
    assert isinstance(fields.get("message_event"), asyncio.Event), changed("RequestResponseCycle.message_event")


def test_a_cycle_marked_disconnected_sends_http_disconnect(connection: Connection) -> None:
    connection.protocol.data_received(REQUEST)
    cycle = connection.protocol.cycle
    cycle.waiting_for_100_continue = False
    cycle.disconnected = True
    cycle.message_event.set()
    message = connection.loop.run_until_complete(asyncio.wait_for(cycle.receive(), 5))
    assert message["type"] == "http.disconnect", changed("what RequestResponseCycle.disconnected does")


@pytest.mark.parametrize("callback", ["on_url", "on_header"])
def test_a_callback_that_raises_ends_in_send_400_response(callback: str) -> None:
    def stop(self: HttpToolsProtocol, *_: bytes) -> None:
        raise ValueError("stop")

    ended: list[str] = []
    overridden = {callback: stop, "send_400_response": lambda _, message: ended.append(message)}
    connection = Connection(type("Stopped", (HttpToolsProtocol,), overridden))
    connection.protocol.data_received(REQUEST)
    connection.close()
    assert len(ended) == 1, changed(f"what happens when {callback} raises")


def test_uvicorn_is_pinned_below_its_next_minor() -> None:
    declared = [Requirement(text) for text in tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]]
    (requirement,) = [found for found in declared if found.name == "uvicorn"]
    installed = Version(uvicorn.__version__)
    assert installed in requirement.specifier
    assert Version(f"{installed.major}.{installed.minor + 1}") not in requirement.specifier
