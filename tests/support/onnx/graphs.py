"""Small ONNX files, written by hand: a matrix of ones, by which the input is multiplied.

The fields and their numbers are those of ``onnx.proto`` (https://github.com/onnx/onnx).
"""

from __future__ import annotations

import struct

from tests.support.onnx.protobuf import inner, number, text

SIDE = 4
WEIGHTS = struct.pack(f"<{SIDE * SIDE}f", *[1.0] * (SIDE * SIDE))

_FLOAT, _EXTERNAL = 1, 1


def build_onnx(opset: int = 17, ir_version: int = 8, weights_in: str = "", operation: str = "MatMul") -> bytes:
    """A model ``y = x · w``. ``weights_in`` is the file of the weights, which the model holds itself without one."""
    node = text(1, "x") + text(1, "w") + text(2, "y") + text(4, operation)
    graph = inner(1, node) + text(2, "graph") + inner(5, _tensor(weights_in))
    graph += inner(11, _value("x", "n")) + inner(12, _value("y", "n"))
    return number(1, ir_version) + inner(7, graph) + inner(8, number(2, opset))


def _tensor(weights_in: str) -> bytes:
    tensor = number(1, SIDE) + number(1, SIDE) + number(2, _FLOAT) + text(8, "w")
    if not weights_in:
        return tensor + inner(9, WEIGHTS)
    entries = {"location": weights_in, "offset": "0", "length": str(len(WEIGHTS))}
    external = b"".join(inner(13, text(1, key) + text(2, value)) for key, value in entries.items())
    return tensor + external + number(14, _EXTERNAL)


def _value(name: str, rows: str) -> bytes:
    shape = inner(1, text(2, rows)) + inner(1, number(1, SIDE))
    return text(1, name) + inner(2, inner(1, number(1, _FLOAT) + inner(2, shape)))
