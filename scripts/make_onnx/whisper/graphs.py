"""Whisper's graphs: the encoder, and the decoder in both forms that are published."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from scripts.make_onnx.whisper.nodes import Nodes, Shape, model, tensor
from scripts.make_onnx.whisper.weights import Array, Sizes

FRAMES = 1500

Outputs = dict[str, Shape]


def encoder(weights: dict[str, Array], sizes: Sizes) -> onnx.ModelProto:
    """From spectrograms of 30 s to vectors of 20 ms each."""
    nodes = Nodes()
    x = "input_features"
    for name, stride in (("encoder/conv1", 1), ("encoder/conv2", 2)):
        kernel, bias = (nodes.weight(f"{name}/{part}", weights[f"{name}/{part}"]) for part in ("weight", "bias"))
        x = nodes.gelu(nodes.add("Conv", x, kernel, bias, kernel_shape=[3], pads=[1, 1], strides=[stride]))
    name = "encoder/position_encodings/encodings"
    x = nodes.add("Add", nodes.add("Transpose", x, perm=[0, 2, 1]), nodes.weight(name, weights[name][:FRAMES]))
    for layer in range(sizes.layers):
        body = _Layer(nodes, weights, sizes, f"encoder/layer_{layer}")
        x = body.self_attention(x)[0]
        x = body.feed_forward(x)
    last = nodes.norm("encoder/layer_norm", x, weights)
    nodes.add("Identity", last, into="last_hidden_state")
    return model(
        nodes,
        [tensor("input_features", ["batch_size", sizes.mels, 2 * FRAMES])],
        [tensor("last_hidden_state", ["batch_size", FRAMES, sizes.width])],
    )


def decoder(weights: dict[str, Array], sizes: Sizes, past: bool, attentions: bool) -> onnx.ModelProto:
    """The decoder of first tokens, or with ``past`` that of further ones."""
    nodes = Nodes()
    outputs = _decode(nodes, weights, sizes, past, attentions)
    if past:
        outputs = {name: shape for name, shape in outputs.items() if ".encoder." not in name}
    names = _caches(sizes) if past else {}
    return model(nodes, [*_inputs(sizes, not past), *_tensors(names)], _tensors(outputs))


def merged(weights: dict[str, Array], sizes: Sizes, attentions: bool) -> onnx.ModelProto:
    """Both decoders in one file, chosen by an input."""
    nodes = Nodes()
    branches, outputs = {}, {}
    for past, branch in ((True, "then_branch"), (False, "else_branch")):
        inside = Nodes(nodes.weights, prefix=f"{branch}_")
        outputs = _decode(inside, weights, sizes, past, attentions)
        own = {f"{branch}_{name}": shape for name, shape in outputs.items()}
        for name, into in zip(outputs, own, strict=True):
            inside.add("Identity", name, into=into)
        branches[branch] = helper.make_graph(inside.all, branch, [], _tensors(own))
    nodes.split("If", "use_cache_branch", into=list(outputs), **branches)
    choice = tensor("use_cache_branch", [1], TensorProto.BOOL)
    return model(nodes, [*_inputs(sizes, True), *_tensors(_caches(sizes)), choice], _tensors(outputs))


def _inputs(sizes: Sizes, encoded: bool) -> list[onnx.ValueInfoProto]:
    ids = tensor("input_ids", ["batch_size", "decoder_sequence_length"], TensorProto.INT64)
    hidden = tensor("encoder_hidden_states", ["batch_size", "encoder_sequence_length", sizes.width])
    return [ids, hidden] if encoded else [ids]


def _caches(sizes: Sizes, prefix: str = "past_key_values") -> Outputs:
    side = sizes.width // sizes.heads
    return {
        f"{prefix}.{layer}.{of}.{part}": ["batch_size", sizes.heads, f"{prefix}_{of}_sequence_length", side]
        for layer in range(sizes.layers)
        for of in ("decoder", "encoder")
        for part in ("key", "value")
    }


def _tensors(shapes: Outputs) -> list[onnx.ValueInfoProto]:
    return [tensor(name, shape) for name, shape in shapes.items()]


def _decode(nodes: Nodes, weights: dict[str, Array], sizes: Sizes, past: bool, attentions: bool) -> Outputs:
    """Add all nodes of a decoder; returns its outputs."""
    embeddings, positions = (
        nodes.weight(name, weights[name])
        for name in ("decoder/embeddings/weight", "decoder/position_encodings/encodings")
    )
    count = nodes.add("Shape", "input_ids", start=1, end=2)
    known = nodes.add("Shape", "past_key_values.0.decoder.key", start=2, end=3) if past else nodes.numbers(0)
    whole = nodes.add("Add", known, count)
    position = nodes.add("Slice", positions, known, whole, nodes.numbers(0))
    x = nodes.add("Add", nodes.add("Gather", embeddings, "input_ids"), position)
    mask = _causal(nodes, known, whole)
    outputs: Outputs = {"logits": ["batch_size", "decoder_sequence_length", sizes.vocabulary]}
    for layer in range(sizes.layers):
        body = _Layer(nodes, weights, sizes, f"decoder/layer_{layer}", layer)
        x, *own = body.self_attention(x, mask, past)
        x, attended, *cross = body.cross_attention(x, past)
        x = body.feed_forward(x)
        body.present("decoder", own)
        body.present("encoder", cross)
        if attentions:
            nodes.add("Identity", attended, into=f"cross_attentions.{layer}")
            shape: Shape = ["batch_size", sizes.heads, "decoder_sequence_length", "encoder_sequence_length"]
            outputs[f"cross_attentions.{layer}"] = shape
    x = nodes.norm("decoder/layer_norm", x, weights)
    projection = nodes.weight("decoder/projection", weights["decoder/embeddings/weight"].T)
    nodes.add("MatMul", x, projection, into="logits")
    return outputs | _caches(sizes, "present")


def _causal(nodes: Nodes, known: str, whole: str) -> str:
    """What is added to scores, so that no token attends to later ones; shape (new tokens, all tokens)."""
    zero, one = (nodes.weight(f"scalar_{value}", _scalar(value)) for value in (0, 1))
    end = nodes.add("Squeeze", whole, nodes.numbers(0))
    columns = nodes.add("Range", zero, end, one)
    rows = nodes.add("Range", nodes.add("Squeeze", known, nodes.numbers(0)), end, one)
    later = nodes.add("Greater", columns, nodes.add("Unsqueeze", rows, nodes.numbers(1)))
    return nodes.add("Where", later, nodes.number(-1e9), nodes.number(0.0))


class _Layer:
    """The nodes of one layer."""

    def __init__(self, nodes: Nodes, weights: dict[str, Array], sizes: Sizes, name: str, index: int = 0) -> None:
        self._nodes = nodes
        self._weights = weights
        self._sizes = sizes
        self._name = name
        self._index = index

    def self_attention(self, x: str, mask: str = "", past: bool = False) -> list[str]:
        """What the layer adds from the other tokens; then keys and values."""
        part = f"{self._name}/self_attention"
        normed = self._nodes.norm(f"{part}/layer_norm", x, self._weights)
        query, key, value = (self._heads(each) for each in self._linears(f"{part}/linear_0", normed, 3))
        if past:
            key, value = (
                self._nodes.add("Concat", f"past_key_values.{self._index}.decoder.{kind}", new, axis=2)
                for kind, new in (("key", key), ("value", value))
            )
        attended, _ = self._attend(query, key, value, mask)
        return [self._added(x, f"{part}/linear_1", attended), key, value]

    def cross_attention(self, x: str, past: bool) -> list[str]:
        """What the layer adds from the recording; how much each 20 ms counted; then keys and values.

        With a past, keys and values are empty: they are known.
        """
        part = f"{self._name}/attention"
        normed = self._nodes.norm(f"{part}/layer_norm", x, self._weights)
        query = self._heads(self._linears(f"{part}/linear_0", normed, 1)[0])
        if past:
            key, value = (f"past_key_values.{self._index}.encoder.{kind}" for kind in ("key", "value"))
        else:
            key, value = map(self._heads, self._linears(f"{part}/linear_1", "encoder_hidden_states", 2))
        attended, shares = self._attend(query, key, value, "")
        added = self._added(x, f"{part}/linear_2", attended)
        if past:
            side = self._sizes.width // self._sizes.heads
            key, value = (self._nodes.add("Constant", value=_empty(self._sizes.heads, side)) for _ in range(2))
        return [added, shares, key, value]

    def feed_forward(self, x: str) -> str:
        """The layer's last part."""
        part = f"{self._name}/ffn"
        (wide,) = self._linears(f"{part}/linear_0", self._nodes.norm(f"{part}/layer_norm", x, self._weights), 1)
        return self._added(x, f"{part}/linear_1", self._nodes.gelu(wide))

    def present(self, of: str, caches: list[str]) -> None:
        """Give keys and values their names."""
        for kind, cache in zip(("key", "value"), caches, strict=True):
            self._nodes.add("Identity", cache, into=f"present.{self._index}.{of}.{kind}")

    def _linears(self, name: str, x: str, count: int) -> list[str]:
        """The results of matrices that CTranslate2 keeps as one."""
        matrices = self._weights[f"{name}/weight"].reshape(count, -1, self._weights[f"{name}/weight"].shape[1])
        biases = self._weights[f"{name}/bias"].reshape(count, -1)
        return [
            self._nodes.linear(f"{name}_{index}", x, matrix, bias)
            for index, (matrix, bias) in enumerate(zip(matrices, biases, strict=True))
        ]

    def _added(self, x: str, name: str, result: str) -> str:
        return self._nodes.add("Add", x, self._linears(name, result, 1)[0])

    def _heads(self, x: str) -> str:
        heads = self._sizes.heads
        shape = self._nodes.numbers(0, 0, heads, self._sizes.width // heads)
        return self._nodes.add("Transpose", self._nodes.add("Reshape", x, shape), perm=[0, 2, 1, 3])

    def _attend(self, query: str, key: str, value: str, mask: str) -> tuple[str, str]:
        scale = self._nodes.number((self._sizes.width // self._sizes.heads) ** -0.5)
        scores = self._nodes.add("MatMul", query, self._nodes.add("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self._nodes.add("Mul", scores, scale)
        scores = self._nodes.add("Add", scores, mask) if mask else scores
        shares = self._nodes.add("Softmax", scores, axis=-1)
        mixed = self._nodes.add("Transpose", self._nodes.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self._nodes.add("Reshape", mixed, self._nodes.numbers(0, 0, self._sizes.width)), shares


def _scalar(value: int) -> NDArray[np.int64]:
    return np.array(value, np.int64)


def _empty(heads: int, side: int) -> onnx.TensorProto:
    """No rows, as merged decoders that are published give them."""
    return helper.make_tensor("empty", TensorProto.FLOAT, [0, heads, 1, side], [])
