"""Folders of tiny encoders: a graph that looks words up, a tokenizer of a few words, and the files beside them.

The vector of a token is its row of :data:`TABLE`, plus that of its type in :data:`TYPE_TABLE` and of its position in
:data:`POSITION_TABLE` if the graph has these inputs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

from tests.support.onnx.protobuf import inner, number, text

Array = NDArray[np.float32]

WORDS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "red", "green", "blue", "apple")
PAD, CLS, SEP, UNK, RED, GREEN, BLUE, APPLE = range(len(WORDS))
WIDTH, POSITIONS = 4, 16

TABLE: Array = np.random.default_rng(1).standard_normal((len(WORDS), WIDTH)).astype(np.float32)
TYPE_TABLE: Array = np.random.default_rng(2).standard_normal((2, WIDTH)).astype(np.float32)
POSITION_TABLE: Array = np.random.default_rng(3).standard_normal((POSITIONS, WIDTH)).astype(np.float32)

_NUMBER_TYPES = {"float": 1, "int32": 6, "int64": 7, "half": 10}
_LOOKED_UP = {"input_ids": TABLE, "token_type_ids": TYPE_TABLE, "position_ids": POSITION_TABLE}


@dataclass(frozen=True)
class EncoderGraphFile:
    """A graph. ``columns`` of the sum of the looked-up rows are its output: of each token, or their mean over tokens.

    ``past`` adds the inputs of a decoder's earlier tokens, and ``shape`` are the sizes of the inputs.
    """

    output: str = "last_hidden_state"
    inputs: Sequence[str] = ("input_ids", "attention_mask")
    is_mean: bool = False
    columns: int = WIDTH
    integers: str = "int64"
    floats: str = "float"
    past: bool = False
    shape: Sequence[str | int] = ("batch", "length")

    def build(self) -> bytes:
        """The file."""
        tables = {name: _LOOKED_UP[name][:, : self.columns] for name in self.inputs if name in _LOOKED_UP}
        graph = text(2, "encoder")
        total = ""
        for name, table in tables.items():
            graph += inner(5, _tensor(f"{name}_table", table)) + _node("Gather", [f"{name}_table", name], f"{name}_row")
            graph += _node("Add", [total, f"{name}_row"], f"{name}_sum") if total else b""
            total = f"{name}_sum" if total else f"{name}_row"
        if self.is_mean:
            graph += _node("ReduceMean", [total], "mean", _integers("axes", [1]) + _integer("keepdims", 0))
            total = "mean"
        graph += _node("Cast", [total], self.output, _integer("to", _NUMBER_TYPES[self.floats]))
        for name in self.inputs:
            graph += inner(11, _value(name, self.integers, self.shape))
        if self.past:
            graph += inner(11, _value("past_key_values.0.key", "float", ("batch", 2, "past", 8)))
        sizes = ("batch", self.columns) if self.is_mean else ("batch", "length", self.columns)
        graph += inner(12, _value(self.output, self.floats, sizes))
        return number(1, 8) + inner(7, graph) + inner(8, number(2, 17))


@dataclass
class EncoderFolderFiles:
    """A folder: a graph, a tokenizer and JSON files by their names."""

    graph: EncoderGraphFile = field(default_factory=EncoderGraphFile)
    config: dict[str, Any] = field(default_factory=lambda: {"architectures": ["BertModel"], "vocab_size": len(WORDS)})
    files: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the folder and return it."""
        (folder / "onnx").mkdir(parents=True)
        (folder / "onnx" / "model.onnx").write_bytes(self.graph.build())
        small_tokenizer().save(str(folder / "tokenizer.json"))
        for name, value in {"config.json": self.config, **self.files}.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(json.dumps(value))
        return folder


def small_tokenizer() -> Tokenizer:
    """One that cuts and pads texts, as published ones do."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in WORDS[:4]])
    specials = [("[CLS]", CLS), ("[SEP]", SEP)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", specials)
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    return tokenizer


def unit(rows: Array) -> Array:
    """The rows, of length 1."""
    lengths: Array = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / lengths


def _tensor(name: str, values: Array) -> bytes:
    sizes = b"".join(number(1, size) for size in values.shape)
    return sizes + number(2, _NUMBER_TYPES["float"]) + text(8, name) + inner(9, values.astype("<f4").tobytes())


def _node(operation: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    return inner(1, b"".join(text(1, name) for name in inputs) + text(2, output) + text(4, operation) + attributes)


def _integer(name: str, value: int) -> bytes:
    return inner(5, text(1, name) + number(3, value) + number(20, 2))


def _integers(name: str, values: Sequence[int]) -> bytes:
    return inner(5, text(1, name) + b"".join(number(8, value) for value in values) + number(20, 7))


def _value(name: str, kind: str, sizes: Sequence[str | int]) -> bytes:
    shape = b"".join(inner(1, number(1, size) if isinstance(size, int) else text(2, size)) for size in sizes)
    return text(1, name) + inner(2, inner(1, number(1, _NUMBER_TYPES[kind]) + inner(2, shape)))
