from __future__ import annotations

import socket

import pytest

from shared.listening import RECEIVE_BUFFER_BYTES
from workers.supervisor.listener import CannotListen, open_listener, url_of


def test_a_busy_port_is_named_in_one_line() -> None:
    with open_listener("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"^--port: {port} on 127.0.0.1 is in use by another process; "):
            open_listener("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotListen, match=r"^--host: expected an address of this machine, got '192\.0\.2\.1'$"):
        open_listener("192.0.2.1", 0)


def test_the_address_of_an_open_listener_is_one_that_this_machine_reaches() -> None:
    with open_listener("0.0.0.0", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_kernel_keeps_little_of_what_a_client_sends() -> None:
    with open_listener("127.0.0.1", 0) as listener:
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
            buffers = [one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for one in (listener, connection)]
            assert buffers[0] == buffers[1] <= 2 * RECEIVE_BUFFER_BYTES  # the kernel doubles what it is told
