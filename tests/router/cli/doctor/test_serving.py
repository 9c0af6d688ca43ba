"""The port: free, a server's, or another program's."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading

import pytest

from router.cli.doctor.findings import FindingState
from router.cli.doctor.serving import examine_port, who_answers
from tests.support.router.client import serving
from tests.support.router.fake_broker import FakeBroker


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_free_port() -> None:
    port = free_port()
    found = examine_port(port)
    assert (found.state, found.text) == (FindingState.OK, f"{port} is free")


def test_a_running_server_and_its_models() -> None:
    with serving(FakeBroker()) as url:
        found = examine_port(port_of(url))
        assert (found.state, found.text) == (FindingState.OK, f"nexa server answers at {url}: smol")


def test_a_server_that_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "secret", "key_required": True})
    with serving(broker) as url:
        assert examine_port(port_of(url)).text.endswith("a key is needed to see its models")
        monkeypatch.setenv("NEXA_API_KEY", "secret")
        assert examine_port(port_of(url)).text.endswith(": smol")


class Silent(socketserver.BaseRequestHandler):
    """Hangs up at once."""

    def handle(self) -> None:
        self.request.close()


class Endless(socketserver.BaseRequestHandler):
    """Answers without an end."""

    def handle(self) -> None:
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                self.request.sendall(b" " * 10_000)


@pytest.mark.parametrize("handler", [Silent, Endless])
def test_another_program(handler: type[socketserver.BaseRequestHandler]) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as other:
        other.daemon_threads = True
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_address[1]
        found = examine_port(port)
        other.shutdown()
    assert (found.state, found.text) == (FindingState.PROBLEM, f"{port} is taken by another program")
    assert found.remedy == f"nexa server MODEL --port {port + 1}"
    assert not who_answers(port).listens
