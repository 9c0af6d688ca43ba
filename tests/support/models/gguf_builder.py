"""Small, valid GGUF files for tests, written by the format's description."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

Value = str | int | float | bool | list[str] | list[int] | list[float]


def gguf_string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def build_gguf(
    metadata: Mapping[str, Value] | None = None,
    tensors: Sequence[tuple[str, tuple[int, ...]]] = (("token_embd.weight", (8, 4)),),
    version: int = 3,
    data: bytes | None = None,
) -> bytes:
    """A little-endian GGUF with F32 tensors; ``data`` overrides the zeros of the tensor data."""
    metadata = {"general.architecture": "llama", "llama.context_length": 128} if metadata is None else metadata
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(gguf_string(key) + _value(value) for key, value in metadata.items())
    offset = 0
    for name, dims in tensors:
        head += gguf_string(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        head += struct.pack("<IQ", 0, offset)
        offset += -(-_size_bytes(dims) // 32) * 32
    head += b"\0" * (-len(head) % 32)
    return head + (data if data is not None else b"\0" * offset)


def _size_bytes(dims: tuple[int, ...]) -> int:
    size = 4
    for dim in dims:
        size *= dim
    return size


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<IQ", 10, value)
    if isinstance(value, float):
        return struct.pack("<Id", 12, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + gguf_string(value)
    if value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(gguf_string(str(item)) for item in value)
    if value and isinstance(value[0], float):
        return struct.pack("<IIQ", 9, 6, len(value)) + b"".join(struct.pack("<f", item) for item in value)
    return struct.pack("<IIQ", 9, 5, len(value)) + b"".join(struct.pack("<i", int(item)) for item in value)
