"""The pieces of a medium as libmtmd has prepared them."""

from __future__ import annotations

import ctypes
import hashlib
import weakref
from dataclasses import dataclass

import numpy as np
from llama_cpp import mtmd_cpp
from numpy.typing import NDArray

TEXT, IMAGE = mtmd_cpp.MTMD_INPUT_CHUNK_TYPE_TEXT, mtmd_cpp.MTMD_INPUT_CHUNK_TYPE_IMAGE

MROPE_SECTIONS = 4
"""Positions of an embedding with M-RoPE: time, row, column, and one that is not used."""

_AS_IN_BATCHES = [0, 2, 1, 3]
"""The order in which a batch has the fields of ``mtmd_decoder_pos``, which are time, column, row and the rest."""


class NativeChunks:
    """A ``mtmd_input_chunks``, freed with the last of its chunks that is in use."""

    def __init__(self) -> None:
        self.native = mtmd_cpp.mtmd_input_chunks_init()
        weakref.finalize(self, mtmd_cpp.mtmd_input_chunks_free, self.native).atexit = False

    def __len__(self) -> int:
        return int(mtmd_cpp.mtmd_input_chunks_size(self.native))

    def __getitem__(self, index: int) -> int:
        return int(mtmd_cpp.mtmd_input_chunks_get(self.native, index))


@dataclass(frozen=True, slots=True, eq=False)
class LlamaChunk:
    """One chunk of pixels or sound. Implements ``MediaChunk`` of :mod:`workers.text.media.projector`.

    ``native`` is a ``mtmd_input_chunk`` of ``owner``. Positions have ``sections``.
    """

    owner: NativeChunks
    native: int
    key: bytes
    is_causal: bool
    sections: int
    length: int
    positions: int

    def position_rows(self, start: int) -> NDArray[np.int32]:
        """The positions of its embeddings if it begins at position ``start``, shape ``(sections, length)``."""
        if self.sections > 1 and mtmd_cpp.mtmd_input_chunk_get_type(self.native) == IMAGE:
            image = mtmd_cpp.mtmd_input_chunk_get_tokens_image(self.native)
            fields = np.empty((self.length, MROPE_SECTIONS), np.int32)
            places = fields.ctypes.data_as(ctypes.POINTER(mtmd_cpp.mtmd_decoder_pos))
            mtmd_cpp.mtmd_helper_image_get_decoder_pos(image, start, places)
            return fields.T[_AS_IN_BATCHES]
        return np.tile(np.arange(start, start + self.length, dtype=np.int32), (self.sections, 1))


def text_tokens(native: int) -> list[int]:
    """The tokens of a chunk of text. A marker that the vocabulary lacks is none."""
    count = ctypes.c_size_t()
    tokens = mtmd_cpp.mtmd_input_chunk_get_tokens_text(native, ctypes.byref(count))
    return [int(token) for token in tokens[: count.value] if token >= 0]


def chunk_key(content: bytes, place: int, length: int, projector: bytes) -> bytes:
    """What tells a chunk from all others: the tiles of a picture have one content, but places of their own."""
    told = hashlib.sha256(projector)
    told.update(f"{len(content)} {place} {length} ".encode() + content)
    return told.digest()
