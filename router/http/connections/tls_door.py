"""TLS connections, counted from their first byte: one that never shakes hands has a place for a short time only."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from typing import Any, cast

from router.http.connections.connection import GuardedProtocol, guarded_protocol
from router.http.connections.connection_limits import ConnectionLimits
from shared.addresses import plain_address

log = logging.getLogger("nexa.connection")


class TlsDoor(asyncio.Protocol):
    """A new connection: it takes a place, shakes hands, and goes on as a :class:`GuardedProtocol` with that place.

    The loop's own TLS servers tell nobody of a connection before its handshake is over.
    """

    protocol = GuardedProtocol
    context: ssl.SSLContext

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self._inner = self.protocol(*arguments, **keywords)
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # servers of streams have no others
        if transport.get_extra_info("socket").family is socket.AF_UNIX:  # a file of this machine, without TLS
            transport.set_protocol(self._inner)
            self._inner.connection_made(transport)
            return
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        refusal = self._inner.take_place(address)
        if refusal is not None:
            _log_end(address, str(refusal))
            transport.abort()
            return
        try:
            connection = _own_socket(transport)
        except OSError as error:  # no descriptor is free
            self._inner.free_place()
            _log_end(address, str(error))
        else:
            self._handshake = self._inner.loop.create_task(self._shake_hands(connection, address))
        transport.abort()

    async def _shake_hands(self, connection: socket.socket, address: str) -> None:
        timeout_s = self.protocol.limits.handshake_timeout_s
        connection.setblocking(False)
        try:
            await self._inner.loop.connect_accepted_socket(
                lambda: self._inner, connection, ssl=self.context, ssl_handshake_timeout=timeout_s
            )
        except OSError as error:  # of TLS, of the network, or a timeout
            self._inner.free_place()
            late = isinstance(error, ConnectionAbortedError)
            reason = f"expected a handshake within {timeout_s:g} s, got none" if late else str(error)
            _log_end(address, f"TLS: {reason}")


def tls_door(limits: ConnectionLimits, context: ssl.SSLContext) -> type[TlsDoor]:
    """A :class:`TlsDoor` with these limits and this certificate; uvicorn takes a class, not an instance."""
    return type("LimitedDoor", (TlsDoor,), {"context": context, "protocol": guarded_protocol(limits)})


def _own_socket(transport: asyncio.Transport) -> socket.socket:
    """The connection, outliving ``transport``: the loop offers TLS to sockets, not to transports that may have read."""
    return socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))


def _log_end(address: str, reason: str) -> None:
    log.info("connection ended", extra={"user": plain_address(address) or "local", "reason": reason})
