"""The tensors that a GGUF header lists, and the size of their data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared.gguf.ggml_types import GGML_TYPES
from shared.gguf.reader import FieldReader

MAX_NAME_BYTES = 1_024
MAX_DIMENSIONS = 4
_MAX_SIGNED = (1 << 63) - 1
"""File sizes and dimensions are signed 64-bit numbers in ggml."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor of a header. ``offset_bytes`` counts from the start of the tensor data."""

    name: str
    dims: tuple[int, ...]
    ggml_type: int
    offset_bytes: int

    @property
    def size_bytes(self) -> int | None:
        """Size of the tensor's data; None if its type is not in :data:`GGML_TYPES`."""
        layout = GGML_TYPES.get(self.ggml_type)
        if layout is None:
            return None
        return math.prod(self.dims) // layout.block_elements * layout.block_bytes


def read_tensor(reader: FieldReader) -> TensorInfo:
    """Read the next tensor's entry. Raises :class:`~shared.gguf.reader.GGUFError`."""
    name = reader.string("a tensor name", MAX_NAME_BYTES)
    what = f"tensor {name[:80]!r}"
    dim_count = reader.number("I")
    if dim_count > MAX_DIMENSIONS:
        raise reader.damaged(f"{what}: expected at most {MAX_DIMENSIONS} dimensions, got {dim_count}")
    dims = tuple(reader.number("Q") for _ in range(dim_count))
    tensor = TensorInfo(name, dims, reader.number("I"), reader.number("Q"))
    if any(dim > _MAX_SIGNED for dim in dims):
        raise reader.damaged(f"{what}: expected dimensions below 2^63, got {dims}")
    layout = GGML_TYPES.get(tensor.ggml_type)
    if layout is not None and dims and dims[0] % layout.block_elements:
        raise reader.damaged(
            f"{what}: expected rows of a multiple of {layout.block_elements} elements for type {layout.name}, "
            f"got {dims[0]:,}"
        )
    return tensor


def data_bytes(reader: FieldReader, tensors: Sequence[TensorInfo], alignment: int) -> int:
    """Size of the data of all ``tensors``. A last one of unknown type counts 0 bytes."""
    end_bytes = 0
    for tensor in tensors:
        if tensor.offset_bytes % alignment:
            raise reader.damaged(
                f"tensor {tensor.name[:80]!r}: expected an offset aligned to {alignment} bytes, "
                f"got {tensor.offset_bytes:,}"
            )
        end_bytes = max(end_bytes, tensor.offset_bytes + (tensor.size_bytes or 0))
    if end_bytes > _MAX_SIGNED:
        raise reader.damaged(f"tensors: expected less than 2^63 bytes of data, got {end_bytes:,}")
    return end_bytes
