"""Reads and checks the header of a GGUF file without loading the model.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file is not trusted: every count and length is
checked before it is used. Arrays are skipped; only their lengths are kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.gguf.foreign import describe_foreign_file
from shared.gguf.reader import ByteOrder, FieldReader, size_of
from shared.gguf.tensors import TensorInfo, data_bytes, read_tensor

Scalar = str | int | float | bool

MAX_METADATA_ENTRIES = 65_536
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 65_535
MAX_STRING_BYTES = 4 * 1024 * 1024
MAX_ARRAY_DEPTH = 4

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SCALAR_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_MIN_ARRAY_BYTES = 12
"""Size of an empty array within an array: its element type and its count."""

_ALIGNMENT_KEY = "general.alignment"
_DEFAULT_ALIGNMENT = 32


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """The header of a GGUF file.

    ``metadata`` holds the scalar values, ``array_lengths`` the number of elements of each array. ``tensors`` are those
    of this file: each part of a split model has its own.
    """

    path: Path
    version: int
    byte_order: ByteOrder
    architecture: str | None
    metadata: Mapping[str, Scalar]
    array_lengths: Mapping[str, int]
    tensors: tuple[TensorInfo, ...]
    tensor_data_offset_bytes: int
    tensor_data_bytes: int

    @property
    def expected_bytes(self) -> int:
        """Minimum size of the file with all its tensors."""
        return self.tensor_data_offset_bytes + self.tensor_data_bytes


def read_gguf_header(path: str | os.PathLike[str]) -> GGUFHeader:
    """Read the header of ``path``, and check that the file is long enough for its tensors.

    Raises:
        GGUFError: not a GGUF of version 2 or 3, or damaged or truncated.
        OSError: the file cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as file:
        return _read(FieldReader(path, file, os.fstat(file.fileno()).st_size))


def read_first_entries(path: Path, most: int) -> dict[str, Scalar]:
    """The scalar values among the first ``most`` entries of ``path``, up to its first array.

    Raises:
        GGUFError: not a GGUF of version 2 or 3, or damaged.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        reader = FieldReader(path, file, os.fstat(file.fileno()).st_size)
        _, _, entry_count = _read_counts(reader)
        metadata: dict[str, Scalar] = {}
        array_lengths: dict[str, int] = {}
        for _ in range(min(entry_count, most)):
            _read_entry(reader, metadata, array_lengths)
            if array_lengths:
                break
    return metadata


def _read(reader: FieldReader) -> GGUFHeader:
    version, tensor_count, entry_count = _read_counts(reader)
    metadata: dict[str, Scalar] = {}
    array_lengths: dict[str, int] = {}
    for _ in range(entry_count):
        _read_entry(reader, metadata, array_lengths)
    tensors = tuple(read_tensor(reader) for _ in range(tensor_count))
    alignment = _alignment(reader, metadata)
    architecture = metadata.get("general.architecture")
    header = GGUFHeader(
        path=reader.path,
        version=version,
        byte_order=reader.byte_order,
        architecture=architecture if isinstance(architecture, str) else None,
        metadata=metadata,
        array_lengths=array_lengths,
        tensors=tensors,
        tensor_data_offset_bytes=-(-reader.position // alignment) * alignment if tensors else reader.position,
        tensor_data_bytes=data_bytes(reader, tensors, alignment),
    )
    if reader.size_bytes < header.expected_bytes:
        raise reader.truncated(header.expected_bytes)
    return header


def _read_counts(reader: FieldReader) -> tuple[int, int, int]:
    """The version, and the numbers of tensors and of metadata entries."""
    head = reader.start()
    if head[:4] != _MAGIC:
        raise reader.error(f"expected a GGUF file, got {describe_foreign_file(head, reader.size_bytes)}")
    reader.skip(4)
    version = _read_version(reader)
    return version, reader.count("tensors", MAX_TENSORS), reader.count("metadata entries", MAX_METADATA_ENTRIES)


def _read_version(reader: FieldReader) -> int:
    """The version. It also reveals the byte order, which the format does not state."""
    raw = reader.take(4)
    little, big = int.from_bytes(raw, "little"), int.from_bytes(raw, "big")
    if little in (2, 3):
        return little
    if big in (2, 3):
        reader.byte_order = "big"
        return big
    raise reader.error(f"expected GGUF version 2 or 3, got {min(little, big)}")


def _read_entry(reader: FieldReader, metadata: dict[str, Scalar], array_lengths: dict[str, int]) -> None:
    key = reader.string("a metadata key", MAX_KEY_BYTES)
    what = f"metadata {key[:80]!r}"
    if key in metadata or key in array_lengths:
        raise reader.damaged(f"{what}: expected one entry, got two")
    value_type = reader.number("I")
    if value_type == _ARRAY:
        array_lengths[key] = _skip_array(reader, what, depth=1)
    elif value_type == _STRING:
        metadata[key] = reader.string(what, MAX_STRING_BYTES)
    elif value_type in _SCALAR_CODES:
        metadata[key] = reader.scalar(_SCALAR_CODES[value_type])
    else:
        raise reader.damaged(f"{what}: expected a type from 0 to 12, got {value_type}")


def _skip_array(reader: FieldReader, what: str, depth: int) -> int:
    """Step over an array; returns the number of its elements."""
    if depth > MAX_ARRAY_DEPTH:
        raise reader.damaged(f"{what}: expected arrays nested at most {MAX_ARRAY_DEPTH} deep, got deeper ones")
    element_type = reader.number("I")
    count = reader.number("Q")
    if element_type in _SCALAR_CODES:
        reader.skip(count * size_of(_SCALAR_CODES[element_type]))
    elif element_type == _STRING:
        reader.skip_strings(count)
    elif element_type == _ARRAY:
        reader.require_elements(count, _MIN_ARRAY_BYTES)
        for _ in range(count):
            _skip_array(reader, what, depth + 1)
    else:
        raise reader.damaged(f"{what}: expected elements of a type from 0 to 12, got {element_type}")
    return count


def _alignment(reader: FieldReader, metadata: Mapping[str, Scalar]) -> int:
    value = metadata.get(_ALIGNMENT_KEY, _DEFAULT_ALIGNMENT)
    if not isinstance(value, int) or not 8 <= value <= 1 << 20 or value & (value - 1):
        raise reader.damaged(f"{_ALIGNMENT_KEY}: expected a power of two from 8 to 1,048,576, got {str(value)[:40]!r}")
    return value
