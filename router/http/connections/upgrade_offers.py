"""Offers to change the protocol (``Upgrade: h2c``) are ignored, as RFC 9110, 7.8 allows.

The parser takes what follows such a head for the other protocol. Java's HttpClient and ``curl --http2`` offer h2c with
every first request, so its body would be lost.
"""

from __future__ import annotations

from array import array
from typing import Protocol

from httptools import HttpParserUpgrade, HttpRequestParser


class OfferedRequest(Protocol):
    """The head of the request that the parser has read last."""

    url: bytes
    headers: list[tuple[bytes, bytes]]


class OfferIgnoringParser(HttpRequestParser):
    """Parses the head of a request with an offer a second time, without it.

    ``protocol`` gets the callbacks. It must ignore ``on_headers_complete`` and ``on_message_complete`` while
    :meth:`is_offer` holds: both are called again.
    """

    def __init__(self, protocol: OfferedRequest) -> None:
        self._protocol = protocol
        self._start()

    def is_offer(self) -> bool:
        """Whether the head that was read last has an offer. ``CONNECT`` is not one."""
        return self.should_upgrade() and self.get_method() != b"CONNECT"

    def feed_data(self, data: bytes | bytearray | memoryview | array[int]) -> None:
        """Parse the next bytes.

        Raises:
            HttpParserError: they are not HTTP, or a callback raised.
            HttpParserUpgrade: a request for a tunnel (``CONNECT``) is complete.
        """
        while True:
            try:
                super().feed_data(data)
            except HttpParserUpgrade as offer:
                if not self.is_offer():
                    raise
                rest_at = offer.args[0]
                data = self._head_without_offer() + bytes(data[rest_at:])
                self._start()
            else:
                return

    def _start(self) -> None:
        """Forget everything; after ``Connection: close`` the parser would read nothing more."""
        super().__init__(self._protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as in uvicorn

    def _head_without_offer(self) -> bytes:
        version = self.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.get_method(), self._protocol.url, version)]
        lines += [b"%b: %b" % header for header in self._protocol.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])
