"""What can go wrong between a client and a server. Each message is one line for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ClientError(Exception):
    """The server cannot be reached, refused the request, or its answer broke off."""


class ServerUnreachable(ClientError):
    """No server answers at the address."""


class AddressInvalid(ClientError):
    """The URL or the key is of a form that no server has."""


class RequestRefused(ClientError):
    """The server answered with an error, or ended a stream with one. ``status`` is 0 if the stream had begun."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class StreamLost(ClientError):
    """A stream broke off, and the rest of it cannot be had."""


class AnswerMalformed(ClientError):
    """What came is no answer of a nexa server."""


@contextmanager
def well_formed() -> Iterator[None]:
    """Turn what goes wrong in reading an answer of any form into :class:`AnswerMalformed`."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise AnswerMalformed("the answer is not that of a nexa server, or of a different version") from None
