"""What the header of a projector file says: what it sees and hears, and how wide the models are that it is for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shared.errors import ModelError
from shared.gguf.header import GGUFHeader, read_gguf_header
from shared.gguf.kind import is_projector
from shared.wire.jobs import MediaKind

_ENCODERS: tuple[tuple[MediaKind, str, str], ...] = (("image", "vision", "v."), ("audio", "audio", "a."))
"""Each kind of medium, as the keys of headers name it, and the beginning of its encoder's tensors."""

_PROJECTING = ("mm.", "resampler.")
"""Beginnings of the tensors between an encoder and the model."""


@dataclass(frozen=True, slots=True)
class ProjectorFile:
    """A projector. ``media`` is what it takes, never nothing; ``widths`` are the lengths that its embeddings may have.

    Without ``widths``, the header does not tell. ``bits`` are those of a weight, as a rule.
    """

    path: Path
    media: tuple[MediaKind, ...]
    widths: frozenset[int]
    bits: int

    def fits(self, embedding_length: int) -> bool:
        """Whether it may be one for a model of this width; 0 is a width that is not known."""
        return not self.widths or not embedding_length or embedding_length in self.widths

    def check_fits(self, embedding_length: int) -> None:
        """Raise :class:`ModelError`, which names the file, unless it may be one for a model of this width."""
        if not self.fits(embedding_length):
            widths = " or ".join(map(str, sorted(self.widths)))
            raise ModelError(
                f"{self.path.name}: expected a projector for a model of width {embedding_length}, "
                f"got one for {'' if len(self.widths) == 1 else 'perhaps '}{widths}"
            )


def read_projector(path: Path) -> ProjectorFile:
    """Read the header of a projector. It is not read again before the file changes.

    Raises:
        ModelError: another file, or a projector that neither sees nor hears; a
            :class:`~shared.gguf.reader.GGUFError` if it is damaged or truncated.
        OSError: it cannot be read.
    """
    found = os.stat(path)
    return _read(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, _size_bytes: int, _changed_at_ns: int) -> ProjectorFile:
    if not path.is_file():
        raise ModelError(f"{path.name}: expected a projector as a GGUF file, got no file")
    header = read_gguf_header(path)
    if not is_projector(header.metadata):
        raise ModelError(
            f"{path.name}: expected a projector (mmproj), got a file of architecture {header.architecture}"
        )
    media = tuple(kind for kind, name, beginning in _ENCODERS if _has(header, name, beginning))
    if not media:
        raise ModelError(f"{path.name}: expected a projector for pictures or recordings, got one for neither")
    return ProjectorFile(path, media, _widths(header), bits_of(header))


def embedding_length(header: GGUFHeader) -> int:
    """The width of a text model with this header; 0 if it is not told."""
    return _whole(header, f"{header.architecture}.embedding_length")


def bits_of(header: GGUFHeader) -> int:
    """The bits of a weight, as a rule; 0 if that cannot be told."""
    sizes = [(_elements(tensor.dims), tensor.size_bytes or 0) for tensor in header.tensors]
    elements, size_bytes = sum(count for count, _ in sizes), sum(size for _, size in sizes)
    return 8 * size_bytes // elements if elements else 0


def _has(header: GGUFHeader, name: str, beginning: str) -> bool:
    told = header.metadata.get(f"clip.has_{name}_encoder")
    if isinstance(told, bool):
        return told
    return any(tensor.name.startswith(beginning) for tensor in header.tensors)


def _widths(header: GGUFHeader) -> frozenset[int]:
    """``projection_dim``, if the tensors bear it out: in older files it is a width within the encoder.

    Otherwise any of theirs, but for that of the encoder itself.
    """
    told = {_whole(header, f"clip.{name}.projection_dim") for _, name, _ in _ENCODERS} - {0}
    shapes = [tensor.dims for tensor in header.tensors if tensor.name.startswith(_PROJECTING)]
    found = {dim for dims in shapes for dim in dims if dim > 1}
    if not found or told & found:
        return frozenset(told & found or told)
    return frozenset(found - {_whole(header, f"clip.{name}.embedding_length") for _, name, _ in _ENCODERS})


def _whole(header: GGUFHeader, key: str) -> int:
    value = header.metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _elements(dims: tuple[int, ...]) -> int:
    count = 1
    for dim in dims:
        count *= dim
    return count
