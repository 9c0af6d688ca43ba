"""Small ONNX files, written by hand: a matrix of ones, by which the input is multiplied.

The fields and their numbers are those of ``onnx.proto`` (https://github.com/onnx/onnx).
"""

from __future__ import annotations

import struct

SIDE = 4
WEIGHTS = struct.pack(f"<{SIDE * SIDE}f", *[1.0] * (SIDE * SIDE))

_FLOAT, _EXTERNAL = 1, 1


def build_onnx(opset: int = 17, ir_version: int = 8, weights_in: str = "", operation: str = "MatMul") -> bytes:
    """A model ``y = x · w``. ``weights_in`` is the file of the weights, which the model holds itself without one."""
    node = _text(1, "x") + _text(1, "w") + _text(2, "y") + _text(4, operation)
    graph = _inner(1, node) + _text(2, "graph") + _inner(5, _tensor(weights_in))
    graph += _inner(11, _value("x", "n")) + _inner(12, _value("y", "n"))
    return _number(1, ir_version) + _inner(7, graph) + _inner(8, _number(2, opset))


def _tensor(weights_in: str) -> bytes:
    tensor = _number(1, SIDE) + _number(1, SIDE) + _number(2, _FLOAT) + _text(8, "w")
    if not weights_in:
        return tensor + _inner(9, WEIGHTS)
    entries = {"location": weights_in, "offset": "0", "length": str(len(WEIGHTS))}
    external = b"".join(_inner(13, _text(1, key) + _text(2, value)) for key, value in entries.items())
    return tensor + external + _number(14, _EXTERNAL)


def _value(name: str, rows: str) -> bytes:
    shape = _inner(1, _text(2, rows)) + _inner(1, _number(1, SIDE))
    return _text(1, name) + _inner(2, _inner(1, _number(1, _FLOAT) + _inner(2, shape)))


def _text(field: int, text: str) -> bytes:
    return _inner(field, text.encode())


def _inner(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])
