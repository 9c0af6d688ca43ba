"""The nodes of a graph in the making."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8

Shape = list[str | int]


class Nodes:
    """Nodes of a graph or of a branch, whose results are named by numbers. Branches share ``weights``."""

    def __init__(self, weights: dict[str, onnx.TensorProto] | None = None, prefix: str = "") -> None:
        self.weights = {} if weights is None else weights
        self.all: list[onnx.NodeProto] = []
        self._prefix = prefix

    def add(self, operation: str, *inputs: str, into: str = "", **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        name = into or f"{self._prefix}{operation}_{len(self.all)}"
        return self.split(operation, *inputs, into=[name], **attributes)[0]

    def split(self, operation: str, *inputs: str, into: list[str], **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        self.all.append(helper.make_node(operation, list(inputs), into, **attributes))
        return into

    def weight(self, name: str, array: NDArray[Any]) -> str:
        """A tensor of the file, written once."""
        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def numbers(self, *values: int) -> str:
        """A constant list of whole numbers."""
        return self.weight(f"numbers_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A constant."""
        return self.weight(f"number_{value}", np.array(value, np.float32))

    def norm(self, name: str, x: str, weights: dict[str, Any]) -> str:
        """Normalise the vectors."""
        gamma, beta = (self.weight(f"{name}/{part}", weights[f"{name}/{part}"]) for part in ("gamma", "beta"))
        return self.add("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)

    def linear(self, name: str, x: str, weight: NDArray[Any], bias: NDArray[Any] | None) -> str:
        """A matrix, and its bias if it has one."""
        product = self.add("MatMul", x, self.weight(f"{name}/weight", weight.T))
        return product if bias is None else self.add("Add", product, self.weight(f"{name}/bias", bias))

    def gelu(self, x: str) -> str:
        """The activation between two layers."""
        error = self.add("Erf", self.add("Div", x, self.number(2**0.5)))
        return self.add("Mul", self.add("Mul", x, self.add("Add", error, self.number(1.0))), self.number(0.5))


def tensor(name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """The declaration of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: Nodes, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
    """A whole file."""
    graph = helper.make_graph(nodes.all, "whisper", inputs, outputs, initializer=list(nodes.weights.values()))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(made)
    return made
