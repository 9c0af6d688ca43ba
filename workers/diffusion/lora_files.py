"""The names and shapes of the tensors in a file, from its header."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

from shared.gguf.ggml_types import GGML_TYPES
from shared.gguf.header import read_gguf_header
from shared.gguf.reader import GGUFError

Shapes = dict[str, tuple[int, ...]]
"""Shapes by tensor name, the slowest dimension first."""

MAX_HEADER_BYTES = 100_000_000
"""As in Hugging Face's own reader of safetensors."""

MAX_DIMENSIONS = 5

_ELEMENT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "U8": 1}
"""The types that the library knows."""


class TensorFileError(Exception):
    """The file cannot be read; the message completes "expected …, got "."""


def read_shapes(path: Path) -> Shapes | None:
    """The shapes in a safetensors or GGUF file; None for other formats.

    Source: https://huggingface.co/docs/safetensors/index#format

    Raises:
        TensorFileError: the header is damaged, or does not match the file.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] == b"GGUF":
            return _gguf_shapes(path)
        if path.suffix != ".safetensors":
            return None
        size_bytes = os.fstat(file.fileno()).st_size
        header_bytes = int.from_bytes(head, "little")
        if len(head) < 8 or not 2 <= header_bytes <= min(size_bytes - 8, MAX_HEADER_BYTES):
            raise TensorFileError("a file without a safetensors header")
        header = _parsed(file.read(header_bytes))
    data_bytes = size_bytes - 8 - header_bytes
    return {name: _shape(name, entry, data_bytes) for name, entry in header.items() if name != "__metadata__"}


def quantised_tensors(path: Path) -> frozenset[str]:
    """The names of the tensors in a file that are quantised.

    Raises:
        TensorFileError: it is a damaged GGUF file.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            return frozenset()
    try:
        tensors = read_gguf_header(path).tensors
    except GGUFError as error:
        raise TensorFileError(f"a damaged GGUF file ({error})") from None
    return frozenset(tensor.name for tensor in tensors if GGML_TYPES[tensor.ggml_type].block_elements > 1)


def _gguf_shapes(path: Path) -> Shapes:
    try:
        return {tensor.name: tensor.dims[::-1] for tensor in read_gguf_header(path).tensors}
    except GGUFError as error:
        raise TensorFileError(f"a damaged GGUF file ({error})") from None


def _parsed(header: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(header)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise TensorFileError("a damaged safetensors header")
    return parsed


def _shape(name: str, entry: object, data_bytes: int) -> tuple[int, ...]:
    shown = repr(name[:100])
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            if not all(type(side) is int and 0 < side < 2**31 for side in shape) or len(shape) > MAX_DIMENSIONS:
                raise TensorFileError(f"the tensor {shown} of shape {str(shape)[:100]}")
            if dtype not in _ELEMENT_BYTES:
                raise TensorFileError(f"the tensor {shown} of type {dtype[:20]!r}")
            if not 0 <= begin <= end <= data_bytes or end - begin != math.prod(shape) * _ELEMENT_BYTES[dtype]:
                raise TensorFileError(f"the tensor {shown} in other bytes than its shape needs")
            return tuple(shape)
        case _:
            raise TensorFileError(f"the tensor {shown} without type, shape and place")
