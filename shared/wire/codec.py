"""Encodes messages: one byte with the protocol version, then a msgpack array whose types are checked on decoding.

The array of a message is ``[type code, field, field, ...]``; types that are not in a union have no code. msgspec packs
and checks them. The only conversion is from integers to float fields, and nothing is ever evaluated.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

PROTOCOL_VERSION = 14
"""From 0 to 255. :mod:`shared.wire.messages` says when to change it."""

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""The largest packed message. A job's files do not count: they are sent as separate frames."""

M = TypeVar("M")

_VERSION = bytes([PROTOCOL_VERSION])
_encoder = msgspec.msgpack.Encoder()


class WireError(ValueError):
    """Bytes that are not a message of this protocol version."""


class Struct(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of messages and of the types in them. The ``tag`` of a subclass is its type code on the wire."""


def encode(message: Struct) -> bytes:
    """Pack ``message``.

    Raises:
        TypeError: it contains an object that msgpack has no type for.
        ValueError: it contains text that is not valid Unicode.
        OverflowError: it contains an integer outside -2**63 to 2**64 - 1.
        RecursionError: it is nested too deeply.
    """
    return _VERSION + _encoder.encode(message)


class Decoder(Generic[M]):
    """Decodes the messages that one socket receives: one class, or a union of classes, of up to ``max_bytes``."""

    def __init__(self, expected: Any, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(expected)

    def decode(self, frame: bytes | memoryview) -> M:
        """Unpack one message.

        Raises:
            WireError: ``frame`` is too long, damaged, of another protocol version, or not a message expected here.
        """
        if len(frame) > self._max_bytes:
            raise WireError(f"message: expected up to {self._max_bytes} bytes, got {len(frame)}")
        if frame[:1] != _VERSION:
            raise WireError(f"protocol version: expected {PROTOCOL_VERSION}, got {frame[0] if frame else 'no bytes'}")
        try:
            return self._decoder.decode(memoryview(frame)[1:])
        except (ValueError, RecursionError) as error:  # msgspec's errors, and text that is not UTF-8, are ValueErrors
            raise WireError(f"message: {error}") from None
