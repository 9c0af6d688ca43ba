"""Read and check the header of a GGUF file without loading the model.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file may come from anywhere, so every count and
length is bounded before it is used, arrays are measured and skipped rather than kept, and whatever is wrong ends in one
:class:`GGUFError`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from shared.errors import ModelError
from shared.gguf.foreign import describe_foreign_file
from shared.gguf.ggml_types import GGML_TYPES

ByteOrder = Literal["little", "big"]
Scalar = str | int | float | bool

MAX_HEADER_BYTES = 64 * 1024 * 1024
MAX_METADATA_ENTRIES = 65_536
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 65_535
MAX_TENSOR_NAME_BYTES = 1_024
MAX_STRING_BYTES = 4 * 1024 * 1024
MAX_ARRAY_DEPTH = 4
MAX_DIMENSIONS = 4

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SCALAR_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_ALIGNMENT_KEY = "general.alignment"
_DEFAULT_ALIGNMENT = 32


class GGUFError(ModelError):
    """A file that is not a whole, readable GGUF; the message is one line and names the file."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor as the header describes it; ``offset_bytes`` counts from the start of the tensor data."""

    name: str
    dims: tuple[int, ...]
    ggml_type: int
    offset_bytes: int

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the tensor's data, or None when the type is one that this reader does not know."""
        layout = GGML_TYPES.get(self.ggml_type)
        if layout is None:
            return None
        elements = 1
        for dim in self.dims:
            elements *= dim
        return elements // layout.block_elements * layout.block_bytes


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """What a GGUF file says about itself.

    ``metadata`` holds scalar values only; ``array_lengths`` the element counts of the arrays (``tokenizer.ggml.tokens``
    has the vocabulary's size). ``expected_bytes`` is the least size of a whole file.
    """

    path: Path
    version: int
    byte_order: ByteOrder
    architecture: str | None
    name: str | None
    context_length: int | None
    chat_template: str | None
    metadata: Mapping[str, Scalar]
    array_lengths: Mapping[str, int]
    tensors: tuple[TensorInfo, ...]
    tensor_data_offset_bytes: int
    tensor_data_bytes: int

    @property
    def tensor_count(self) -> int:
        """Number of tensors in this file (one part of a split model has only its own)."""
        return len(self.tensors)

    @property
    def expected_bytes(self) -> int:
        """Least size in bytes of a file that holds all tensors which the header lists."""
        return self.tensor_data_offset_bytes + self.tensor_data_bytes


def read_gguf_header(path: str | os.PathLike[str]) -> GGUFHeader:
    """Read the header of ``path`` and check that the file is as long as the header needs.

    Raises :class:`GGUFError` for anything that is not a whole GGUF of version 2 or 3, and ``OSError`` when the file
    cannot be opened at all.
    """
    path = Path(path)
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        return _HeaderReader(path, file, size_bytes).read()


class _HeaderReader:
    """One pass over one header; every read is bounded by the file's size and by ``MAX_HEADER_BYTES``."""

    def __init__(self, path: Path, file: BinaryIO, size_bytes: int) -> None:
        self._path = path
        self._file = file
        self._size_bytes = size_bytes
        self._position = 0
        self._prefix = "<"

    def read(self) -> GGUFHeader:
        head = self._file.read(512)
        if head[:4] != _MAGIC:
            raise self._error(f"is not a GGUF file: {describe_foreign_file(head, self._size_bytes)}")
        self._file.seek(4)
        self._position = 4
        version, byte_order = self._read_version()
        tensor_count = self._read_count("tensors", MAX_TENSORS)
        entry_count = self._read_count("metadata entries", MAX_METADATA_ENTRIES)
        metadata: dict[str, Scalar] = {}
        array_lengths: dict[str, int] = {}
        for _ in range(entry_count):
            self._read_entry(metadata, array_lengths)
        tensors = tuple(self._read_tensor() for _ in range(tensor_count))
        alignment = self._alignment(metadata)
        data_offset = -(-self._position // alignment) * alignment if tensors else self._position
        architecture = _text(metadata, "general.architecture")
        header = GGUFHeader(
            path=self._path,
            version=version,
            byte_order=byte_order,
            architecture=architecture,
            name=_text(metadata, "general.name"),
            context_length=_whole_number(metadata, f"{architecture}.context_length"),
            chat_template=_text(metadata, "tokenizer.chat_template"),
            metadata=metadata,
            array_lengths=array_lengths,
            tensors=tensors,
            tensor_data_offset_bytes=data_offset,
            tensor_data_bytes=self._data_bytes(tensors, alignment),
        )
        if self._size_bytes < header.expected_bytes:
            raise self._truncated(header.expected_bytes)
        return header

    def _read_version(self) -> tuple[int, ByteOrder]:
        raw = self._take(4)
        little, big = int.from_bytes(raw, "little"), int.from_bytes(raw, "big")
        for version, order, prefix in ((little, "little", "<"), (big, "big", ">")):
            if version in (2, 3):
                self._prefix = prefix
                return version, "little" if order == "little" else "big"
        raise self._error(f"has GGUF version {min(little, big)}; versions 2 and 3 are accepted")

    def _read_count(self, what: str, limit: int) -> int:
        count = self._number("Q")
        if count > limit:
            raise self._corrupt(f"{count:,} {what}, at most {limit:,} are accepted")
        return count

    def _read_entry(self, metadata: dict[str, Scalar], array_lengths: dict[str, int]) -> None:
        key = self._string(MAX_KEY_BYTES, "a metadata key")
        if key in metadata or key in array_lengths:
            raise self._corrupt(f"metadata key {key[:80]!r} comes twice")
        value_type = self._number("I")
        if value_type == _ARRAY:
            array_lengths[key] = self._skip_array(key, depth=1)
        elif value_type == _STRING:
            metadata[key] = self._string(MAX_STRING_BYTES, f"the value of {key[:80]!r}")
        elif value_type in _SCALAR_CODES:
            metadata[key] = self._scalar(_SCALAR_CODES[value_type])
        else:
            raise self._corrupt(f"metadata key {key[:80]!r} has type {value_type}; 0 to 12 are accepted")

    def _skip_array(self, key: str, depth: int) -> int:
        if depth > MAX_ARRAY_DEPTH:
            raise self._corrupt(f"arrays in {key[:80]!r} are nested deeper than {MAX_ARRAY_DEPTH}")
        element_type = self._number("I")
        count = self._number("Q")
        if element_type in _SCALAR_CODES:
            self._skip(count * struct.calcsize("<" + _SCALAR_CODES[element_type]))
        elif element_type == _STRING:
            self._skip_strings(count)
        elif element_type == _ARRAY:
            self._require(count * 12)
            for _ in range(count):
                self._skip_array(key, depth + 1)
        else:
            raise self._corrupt(f"array {key[:80]!r} has elements of type {element_type}; 0 to 12 are accepted")
        return count

    def _skip_strings(self, count: int) -> None:
        """Step over ``count`` strings; this loop is where a large vocabulary's time goes."""
        self._require(count * 8)
        read, skip = self._file.read, self._file.seek
        order: ByteOrder = "little" if self._prefix == "<" else "big"
        position, end = self._position, min(self._size_bytes, MAX_HEADER_BYTES)
        for _ in range(count):
            length = int.from_bytes(read(8), order)
            position += 8 + length
            if position > end:
                self._position = position - length
                self._require(length)
            if length < 256:
                read(length)
            else:
                skip(position)
        self._position = position

    def _read_tensor(self) -> TensorInfo:
        name = self._string(MAX_TENSOR_NAME_BYTES, "a tensor name")
        dim_count = self._number("I")
        if dim_count > MAX_DIMENSIONS:
            raise self._corrupt(
                f"tensor {name[:80]!r} has {dim_count} dimensions, at most {MAX_DIMENSIONS} are accepted"
            )
        dims = tuple(self._number("Q") for _ in range(dim_count))
        tensor = TensorInfo(name, dims, self._number("I"), self._number("Q"))
        if any(dim >= 1 << 63 for dim in dims):
            raise self._corrupt(f"tensor {name[:80]!r} has dimensions {dims}")
        layout = GGML_TYPES.get(tensor.ggml_type)
        if layout is not None and dims and dims[0] % layout.block_elements:
            raise self._corrupt(
                f"tensor {name[:80]!r} has rows of {dims[0]:,} elements, its type needs a multiple of "
                f"{layout.block_elements}"
            )
        return tensor

    def _data_bytes(self, tensors: tuple[TensorInfo, ...], alignment: int) -> int:
        needed_bytes = 0
        for tensor in tensors:
            if tensor.offset_bytes % alignment:
                raise self._corrupt(f"tensor {tensor.name[:80]!r} is not aligned to {alignment} bytes")
            needed_bytes = max(needed_bytes, tensor.offset_bytes + (tensor.size_bytes or 0))
        if needed_bytes >= 1 << 63:
            raise self._corrupt("its tensors are larger than any file")
        return needed_bytes

    def _alignment(self, metadata: Mapping[str, Scalar]) -> int:
        value = metadata.get(_ALIGNMENT_KEY, _DEFAULT_ALIGNMENT)
        if not isinstance(value, int) or not 8 <= value <= 1 << 20 or value & (value - 1):
            raise self._corrupt(
                f"{_ALIGNMENT_KEY} is {str(value)[:40]!r}; a power of two from 8 to 1,048,576 is accepted"
            )
        return value

    def _string(self, limit_bytes: int, what: str) -> str:
        length = self._number("Q")
        if length > limit_bytes:
            raise self._corrupt(f"{what} is {length:,} bytes long, at most {limit_bytes:,} are accepted")
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise self._corrupt(f"{what} is not UTF-8") from None

    def _scalar(self, code: str) -> int | float | bool:
        if code == "?":
            return self._take(1) != b"\0"
        value = struct.unpack(self._prefix + code, self._take(struct.calcsize("<" + code)))[0]
        return float(value) if code in "fd" else int(value)

    def _number(self, code: str) -> int:
        return int(self._scalar(code))

    def _take(self, count: int) -> bytes:
        self._require(count)
        data = self._file.read(count)
        self._position += count
        if len(data) != count:
            raise self._truncated(self._position)
        return data

    def _skip(self, count: int) -> None:
        self._require(count)
        self._position += count
        self._file.seek(self._position)

    def _require(self, count: int) -> None:
        """Refuse to go on unless ``count`` more bytes are in the file and within the header's limit."""
        end = self._position + count
        if end > MAX_HEADER_BYTES:
            raise self._corrupt(f"its header is longer than {MAX_HEADER_BYTES:,} bytes")
        if end > self._size_bytes:
            raise self._truncated(end)

    def _truncated(self, needed_bytes: int) -> GGUFError:
        return self._error(f"is truncated: file is {self._size_bytes:,} bytes, its header needs {needed_bytes:,}")

    def _corrupt(self, detail: str) -> GGUFError:
        return self._error(f"is damaged: {detail}")

    def _error(self, message: str) -> GGUFError:
        return GGUFError(f"{self._path.name} {message}")


def _text(metadata: Mapping[str, Scalar], key: str) -> str | None:
    value = metadata.get(key)
    return value if isinstance(value, str) else None


def _whole_number(metadata: Mapping[str, Scalar], key: str) -> int | None:
    value = metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
