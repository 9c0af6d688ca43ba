"""Where sockets are bound, and who may connect to them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from shared.wire.transport import Binding, CurveKeys, Endpoints, open_socket
from tests.support.sockets import PATIENCE_MS


def test_a_socket_that_lost_its_file_is_bound_again_and_keeps_its_connections(
    folder: Path, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    server, early, late = (open_socket(context, kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUSH))
    server.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
    home = folder / "home"
    home.mkdir()
    binding = Binding(server, f"ipc://{home}/socket")
    early.connect(binding.endpoint)
    early.send(b"early")
    assert server.recv() == b"early"
    assert not binding.renew()
    shutil.rmtree(home)
    assert not binding.renew(), "its folder is for others to make"
    home.mkdir()
    assert binding.renew()
    late.connect(binding.endpoint)
    late.send(b"late")
    assert server.recv() == b"late"
    early.send(b"still there")
    assert server.recv() == b"still there"


def test_a_run_folder_whose_path_is_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    with pytest.raises(ValueError, match=rf"socket paths of up to {zmq.IPC_PATH_MAX_LEN} bytes, got .*long/jobs"):
        Endpoints.in_folder(folder)


def test_the_endpoints_of_a_folder_are_three_different_sockets_in_it(folder: Path) -> None:
    endpoints = Endpoints.in_folder(folder)
    addresses = {endpoints.jobs, endpoints.router_bus, endpoints.supervisor_bus}
    assert len(addresses) == 3
    assert all(address.startswith(f"ipc://{folder}/") for address in addresses)


class CurveServer:
    """A ROUTER on a free TCP port with CURVE, whose handshakes are watched."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.context = context
        self.keys = CurveKeys.generate()
        self.sock = open_socket(context, zmq.ROUTER, self.keys)
        self.port = self.sock.bind_to_random_port("tcp://127.0.0.1")

    def client(self, keys: CurveKeys | None) -> zmq.Socket[bytes]:
        client = open_socket(self.context, zmq.DEALER, keys)
        client.connect(f"tcp://127.0.0.1:{self.port}")
        client.send(b"hello")
        return client


FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
)


def wait_for_failed_handshake(monitor: zmq.Socket[bytes]) -> None:
    while True:
        assert monitor.poll(PATIENCE_MS), "no handshake failed"
        event = recv_monitor_message(monitor)["event"]
        assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED
        if event in FAILURES:
            return


def test_curve_between_machines_works_with_the_right_keys(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    server = CurveServer(context)
    pair = CurveKeys.generate()
    client = server.client(CurveKeys(pair.public, pair.secret, server=server.keys.public))
    assert server.sock.poll(PATIENCE_MS)
    identity, payload = server.sock.recv_multipart()
    assert payload == b"hello"
    server.sock.send_multipart([identity, b"welcome"])
    assert client.poll(PATIENCE_MS)
    assert client.recv() == b"welcome"


def test_curve_refuses_a_client_with_another_servers_key(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    server = CurveServer(context)
    monitor = server.sock.get_monitor_socket()
    pair = CurveKeys.generate()
    server.client(CurveKeys(pair.public, pair.secret, server=CurveKeys.generate().public))
    wait_for_failed_handshake(monitor)
    assert not server.sock.poll(0)


def test_curve_refuses_a_client_without_keys(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    server = CurveServer(context)
    monitor = server.sock.get_monitor_socket()
    server.client(None)
    wait_for_failed_handshake(monitor)
    assert not server.sock.poll(0)


def test_a_socket_that_cannot_be_bound_again_is_tried_again_and_the_log_says_so_once(
    folder: Path, context: zmq.Context[zmq.Socket[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    server = open_socket(context, zmq.PULL)
    home = folder / "home"
    home.mkdir()
    binding = Binding(server, f"ipc://{home}/socket")
    shutil.rmtree(home)
    home.symlink_to("/proc/self")  # nobody can make a file there
    assert [binding.renew(), binding.renew()] == [False, False]
    assert caplog.text.count("socket lost, not bound again") == 1
    home.unlink()
    home.mkdir()
    assert binding.renew()
