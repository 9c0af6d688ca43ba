"""Compressed request bodies (``Content-Encoding``), decoded piece by piece within a limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence

from starlette.types import Message, Receive

from router.schemas.errors import ApiError
from router.schemas.shown import shown

ACCEPTED_CODINGS = ("gzip", "deflate")
MAX_CODINGS = 4
MAX_MEMBERS = 10_000
"""Of a gzip body; ``bgzip`` writes one for every 64 KiB."""
PIECE_BYTES = 256 * 1024
"""How much of a body is decoded at once: other requests are served in between."""

_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15  # formats, as zlib's ``wbits``
_METHOD_BITS, _DEFLATE_METHOD = 0x0F, 8  # in the first byte of a zlib stream (RFC 1950, 2.2)


def codings_of(header: str) -> list[str]:
    """The codings that a ``Content-Encoding`` names, in the order in which they were applied, without ``identity``."""
    names = [name.strip(" \t").lower() for name in header.split(",")]
    return ["gzip" if name == "x-gzip" else name for name in names if name not in ("", "identity")]


class DecodedBody:
    """Decodes the body that ``receive`` brings. No coding may yield more than ``max_bytes``: else ``too_large``."""

    def __init__(self, receive: Receive, codings: Sequence[str], max_bytes: int, too_large: ApiError) -> None:
        self._messages = receive
        self._codings = codings
        self._max_bytes = max_bytes
        self._too_large = too_large
        self._pieces = self._decode()

    async def receive(self) -> Message:
        """ASGI's ``receive`` with the decoded body.

        Raises:
            ApiError: 400, the body is damaged; 413, it is too large; 415, a coding is unknown.
        """
        async for message in self._pieces:
            return message
        return await self._messages()

    async def _decode(self) -> AsyncIterator[Message]:
        """The messages of the body, or up to the disconnection."""
        decoders: list[_Decoder] = []
        more = True
        while more:
            message = await self._messages()
            if message["type"] != "http.request":
                yield message
                return
            body, more = message.get("body", b""), message.get("more_body", False)
            if body and not decoders:
                decoders = self._decoders()
            for piece in _through(decoders, body):
                if piece:
                    yield {"type": "http.request", "body": piece, "more_body": True}
                await asyncio.sleep(0)
        for decoder in decoders:
            decoder.check_complete()
        yield {"type": "http.request", "body": b"", "more_body": False}

    def _decoders(self) -> list[_Decoder]:
        """One for each coding, the last applied first."""
        if len(self._codings) > MAX_CODINGS:
            message = f"Content-Encoding: expected at most {MAX_CODINGS} codings, got {len(self._codings)}"
            raise ApiError(400, message, "Content-Encoding")
        for name in self._codings:
            if name not in ACCEPTED_CODINGS:
                message = f"Content-Encoding: expected {' or '.join(ACCEPTED_CODINGS)}, got {shown(name)}"
                accepted = {"Accept-Encoding": ", ".join(ACCEPTED_CODINGS)}  # RFC 9110, 12.5.3
                raise ApiError(415, message, "Content-Encoding", headers=accepted)
        return [_Decoder(name, self._max_bytes, self._too_large) for name in reversed(self._codings)]


class _Decoder:
    """Decodes one coding. A gzip body may have several members; deflate may lack zlib's header, as some clients do."""

    def __init__(self, coding: str, max_bytes: int, too_large: ApiError) -> None:
        self._coding = coding
        self._left_bytes = max_bytes
        self._too_large = too_large
        self._left_members = MAX_MEMBERS
        self._inflater = zlib.decompressobj(_GZIP) if coding == "gzip" else None

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` yields, in pieces of at most ``PIECE_BYTES``; some are empty."""
        while data:
            inflater = self._inflater = self._inflater or zlib.decompressobj(_deflate_format(data))
            if inflater.eof:
                if self._coding != "gzip":
                    raise self._damaged("more after its end")
                self._left_members -= 1
                if self._left_members <= 0:
                    raise self._damaged(f"more than {MAX_MEMBERS} members")
                inflater = self._inflater = zlib.decompressobj(_GZIP)
            try:
                piece = inflater.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise self._damaged(str(error)) from None
            self._left_bytes -= len(piece)
            if self._left_bytes < 0:
                raise self._too_large
            yield piece
            data = inflater.unconsumed_tail or inflater.unused_data

    def check_complete(self) -> None:
        """Raise the 400 for a body that has been cut."""
        if self._inflater is None or not self._inflater.eof:
            raise self._damaged("not all of it")

    def _damaged(self, got: str) -> ApiError:
        return ApiError(400, f"body: expected {self._coding} data, as Content-Encoding says, got {got}")


def _through(decoders: Sequence[_Decoder], data: bytes) -> Iterator[bytes]:
    """``data`` decoded by all ``decoders``, one after the other."""
    if not decoders:
        yield data
        return
    for piece in decoders[0].decode(data):
        yield from _through(decoders[1:], piece)


def _deflate_format(data: bytes) -> int:
    return _ZLIB if data[0] & _METHOD_BITS == _DEFLATE_METHOD else _RAW_DEFLATE
