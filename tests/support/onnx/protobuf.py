"""Fields of protobuf messages, as bytes."""

from __future__ import annotations


def text(field: int, value: str) -> bytes:
    """A field that holds a text."""
    return inner(field, value.encode())


def inner(field: int, content: bytes) -> bytes:
    """A field that holds bytes, or a message in its bytes."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    """A field that holds a number of at least 0."""
    return _varint(field << 3) + _varint(value)


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])
