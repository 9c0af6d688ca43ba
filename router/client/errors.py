"""What can go wrong between a client and a server. Each message is one line for the user."""

from __future__ import annotations


class ClientError(Exception):
    """The server cannot be reached, refused the request, or its answer broke off."""


class ServerUnreachable(ClientError):
    """No server answers at the address."""


class RequestRefused(ClientError):
    """The server answered with an error, or ended a stream with one. ``status`` is 0 if the stream had begun."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class StreamLost(ClientError):
    """A stream broke off, and the rest of it cannot be had."""
