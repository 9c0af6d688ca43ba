"""Bounded reads of the fields of a GGUF header. Nothing is read, kept or skipped before its length is checked."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Literal

from shared.errors import ModelError

ByteOrder = Literal["little", "big"]

MAX_HEADER_BYTES = 64 * 1024 * 1024

SHORT_STRING_BYTES = 256
"""Strings below this length are cheaper to read than to seek over."""


class GGUFError(ModelError):
    """A file that is not a GGUF, or is damaged or truncated. The message is one line and names the file."""


class FieldReader:
    """Reads the fields of one header in order. A ``code`` is a number's format in :mod:`struct`.

    A read beyond the file's end or :data:`MAX_HEADER_BYTES` raises :class:`GGUFError`.
    """

    def __init__(self, path: Path, file: BinaryIO, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.position = 0
        self.byte_order: ByteOrder = "little"
        self._file = file

    def start(self) -> bytes:
        """The first 512 bytes. The position stays at 0."""
        head = self._file.read(512)
        self._file.seek(0)
        return head

    def number(self, code: str) -> int:
        return int(self.scalar(code))

    def scalar(self, code: str) -> int | float | bool:
        if code == "?":
            return self.take(1) != b"\0"
        prefix = "<" if self.byte_order == "little" else ">"
        value = struct.unpack(prefix + code, self.take(size_of(code)))[0]
        return float(value) if code in "fd" else int(value)

    def count(self, what: str, maximum: int) -> int:
        """A count of at most ``maximum``. ``what`` is counted, for the error message."""
        count = self.number("Q")
        if count > maximum:
            raise self.damaged(f"{what}: expected at most {maximum:,}, got {count:,}")
        return count

    def string(self, what: str, max_bytes: int) -> str:
        """UTF-8 text of at most ``max_bytes``."""
        length = self.number("Q")
        if length > max_bytes:
            raise self.damaged(f"{what}: expected at most {max_bytes:,} bytes, got {length:,}")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise self.damaged(f"{what}: expected UTF-8, got other bytes") from None

    def skip_strings(self, count: int) -> None:
        """Skip ``count`` strings. Reading a large vocabulary spends its time in this loop."""
        self._require(count * 8)
        read, skip, order = self._file.read, self._file.seek, self.byte_order
        position, end = self.position, min(self.size_bytes, MAX_HEADER_BYTES)
        for _ in range(count):
            length = int.from_bytes(read(8), order)
            position += 8 + length
            if position > end:
                self.position = position - length
                self._require(length)
            if length < SHORT_STRING_BYTES:
                read(length)
            else:
                skip(position)
        self.position = position

    def take(self, count: int) -> bytes:
        self._require(count)
        data = self._file.read(count)
        self.position += count
        if len(data) != count:
            raise self.truncated(self.position)
        return data

    def skip(self, count: int) -> None:
        self._require(count)
        self.position += count
        self._file.seek(self.position)

    def require_elements(self, count: int, min_bytes: int) -> None:
        """Raise unless ``count`` elements of at least ``min_bytes`` each can follow."""
        self._require(count * min_bytes)

    def _require(self, count: int) -> None:
        end = self.position + count
        if end > MAX_HEADER_BYTES:
            raise self.damaged(f"header: expected at most {MAX_HEADER_BYTES:,} bytes, got more")
        if end > self.size_bytes:
            raise self.truncated(end)

    def truncated(self, needed_bytes: int) -> GGUFError:
        return self.error(f"expected at least {needed_bytes:,} bytes, got {self.size_bytes:,}; the file is truncated")

    def damaged(self, detail: str) -> GGUFError:
        return self.error(f"damaged header: {detail}")

    def error(self, message: str) -> GGUFError:
        return GGUFError(f"{self.path.name}: {message}")


def size_of(code: str) -> int:
    """Size in bytes of a number with this :mod:`struct` code."""
    return struct.calcsize("<" + code)
