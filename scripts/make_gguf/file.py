"""Writes GGUF files, see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from scripts.make_gguf.vocabulary import BOOL, FLOAT32, UINT32, string_value

F32, F16, Q4_0 = 0, 1, 2
"""Numbers of ggml's tensor types."""

Q4_0_WEIGHTS, Q4_0_BYTES = 32, 18
"""Of a block: a scale of two bytes, and four bits for each weight."""

_ALIGNMENT_BYTES = 32


class WritableTensor(Protocol):
    """What a file needs of a tensor."""

    @property
    def name(self) -> str:
        """Its name in GGUF."""

    @property
    def ggml_type(self) -> int:
        """The number of its type."""

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The numbers of weights, slowest dimension first."""

    @property
    def size_bytes(self) -> int:
        """The size of :meth:`data`."""

    def data(self) -> bytes:
        """The weights as they stand in the file."""


@dataclass(frozen=True, slots=True)
class GGUFTensor:
    """A tensor by its name in GGUF; numpy's order of dimensions, slowest first. Bytes are blocks of Q4_0."""

    name: str
    values: NDArray[np.float16] | NDArray[np.float32] | NDArray[np.uint8]

    @property
    def ggml_type(self) -> int:
        if self.values.dtype == np.uint8:
            return Q4_0
        return F16 if self.values.dtype == np.float16 else F32

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The numbers of weights, slowest dimension first."""
        if self.values.dtype == np.uint8:
            return *self.values.shape[:-1], self.values.shape[-1] // Q4_0_BYTES * Q4_0_WEIGHTS
        return self.values.shape

    @property
    def size_bytes(self) -> int:
        return self.values.nbytes

    def data(self) -> bytes:
        return self.values.tobytes()


def write_entries(path: Path, entries: Mapping[str, bytes], tensors: Sequence[WritableTensor]) -> None:
    """Write a file with these entries, each a type and a value, and these tensors, atomically."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file, entries, tensors)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def entry_value(value: str | bool | int | float) -> bytes:
    """A value of an entry with its type."""
    if isinstance(value, str):
        return string_value(value)
    if isinstance(value, bool):
        return struct.pack("<I?", BOOL, value)
    return struct.pack("<If", FLOAT32, value) if isinstance(value, float) else struct.pack("<II", UINT32, value)


def _write(file: BinaryIO, entries: Mapping[str, bytes], tensors: Sequence[WritableTensor]) -> None:
    file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)))
    for key, value in entries.items():
        file.write(_string(key) + value)
    offset = 0
    for tensor in tensors:
        dims = tensor.dimensions[::-1]
        file.write(_string(tensor.name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims))
        file.write(struct.pack("<IQ", tensor.ggml_type, offset))
        offset += tensor.size_bytes + -tensor.size_bytes % _ALIGNMENT_BYTES
    for tensor in tensors:
        file.write(b"\0" * (-file.tell() % _ALIGNMENT_BYTES))
        file.write(tensor.data())


def _string(key: str) -> bytes:
    return struct.pack("<Q", len(key.encode())) + key.encode()
