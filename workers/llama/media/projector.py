"""A projector of libmtmd: media become chunks, and chunks embeddings."""

from __future__ import annotations

import ctypes
import hashlib
import weakref
from collections.abc import Callable
from pathlib import Path

import llama_cpp
import numpy as np
from llama_cpp import mtmd_cpp
from numpy.typing import NDArray

from shared.wire.jobs import MediaKind
from shared.wire.payloads import JobError
from workers.llama.media.chunks import MROPE_SECTIONS, TEXT, LlamaChunk, NativeChunks, chunk_key, text_tokens
from workers.llama.media.limits import check_picture, check_recording, longest_recording_s
from workers.llama.media.nodes import NodeWatch
from workers.llama.media.opening import open_context, read_header
from workers.llama.media.options import ProjectorOptions
from workers.llama.native.identity import file_digest
from workers.text.cache.pseudo_tokens import MAX_CHUNK_TOKENS
from workers.text.media.media import DecodedMedium, DecodedPicture
from workers.text.media.projector import MediaChunk

GPU_NODES = 8
"""Long nodes of a graph that a GPU computes at once, between which an encode can be stopped."""

_SHAPES = ((64, 64), (4096, 4096), (4096, 256), (256, 4096))
"""Of pictures, width and height, one of which has the largest chunk that a projector makes."""


class ProjectionError(RuntimeError):
    """A chunk could not be encoded. The next one may be."""


class LlamaProjector:
    """A projector file, opened for one text model. Implements ``Projector`` of :mod:`workers.text.media.projector`.

    ``chunks`` and ``encode`` may run at the same time, each in one thread. A medium of several chats at a time is
    prepared once. ``whole_tokens`` is the length of the largest chunk that must be decoded in one batch; 0 if all are
    causal. ``native`` is libmtmd's context.

    Raises:
        EngineLoadError: the file cannot be read, or does not fit the model.
    """

    def __init__(self, options: ProjectorOptions, model: int, on_gpu: bool) -> None:
        self._watch = NodeWatch(GPU_NODES if on_gpu else 1)
        self._longest_s = longest_recording_s(read_header(Path(options.path)))
        self.native = context = open_context(options, model, on_gpu, self._watch)
        self._identity = _identity(options)
        self._in_use: weakref.WeakValueDictionary[bytes, NativeChunks] = weakref.WeakValueDictionary()
        self._width = int(llama_cpp.llama_model_n_embd_inp(model))
        self._sections = MROPE_SECTIONS if mtmd_cpp.mtmd_decode_use_mrope(context) else 1
        takes: dict[MediaKind, bool] = {
            "image": mtmd_cpp.mtmd_support_vision(context),
            "audio": mtmd_cpp.mtmd_support_audio(context),
        }
        self.media: tuple[MediaKind, ...] = tuple(kind for kind, is_taken in takes.items() if is_taken)
        self.sample_rate = int(mtmd_cpp.mtmd_get_audio_sample_rate(context)) if takes["audio"] else 0
        is_whole = takes["image"] and mtmd_cpp.mtmd_decode_use_non_causal(context, None)
        self.whole_tokens = max(map(self._longest_chunk, _SHAPES)) if is_whole else 0

    def chunks(self, medium: DecodedMedium) -> list[list[int] | MediaChunk]:
        """The chunks of one medium, and the tokens that the model wants around and between them.

        Raises:
            JobError: 400, the model cannot take it.
        """
        kind: MediaKind = "image" if isinstance(medium, DecodedPicture) else "audio"
        if kind not in self.media:
            what = "sees no pictures" if kind == "image" else "hears no recordings"
            raise JobError(400, f"the model {what}", code="media_not_supported")
        prepared = self._in_use.get(medium.digest)  # its pixels as floats are many times the file
        if prepared is None:
            prepared = self._prepare(self._bitmap(medium))
        if prepared is None:
            raise JobError(400, f"{kind}: libmtmd cannot prepare it for this model")
        self._in_use[medium.digest] = prepared
        return self._read(prepared, medium.digest)

    def encode(self, chunk: MediaChunk, go_on: Callable[[], bool]) -> NDArray[np.float32] | None:
        """The embeddings of a chunk, shape ``(length, width)``; None if ``go_on`` stopped it between two nodes.

        Raises:
            ProjectionError: it failed, or gave numbers that are not finite.
        """
        assert isinstance(chunk, LlamaChunk)
        self._watch.begin(go_on)
        code = mtmd_cpp.mtmd_encode_chunk(self.native, chunk.native)
        if not self._watch.end():
            return None
        if code != 0:
            raise ProjectionError(f"mtmd_encode_chunk returned {code}")
        pointer = mtmd_cpp.mtmd_get_output_embd(self.native)
        embeddings = np.ctypeslib.as_array(pointer, shape=(chunk.length, self._width)).copy()
        if not np.isfinite(embeddings).all():  # one of these in the KV cache would spoil all other sequences
            raise ProjectionError("the projector gave numbers that are not finite")
        return embeddings

    def close(self) -> None:
        """Free it. The model must be freed after it."""
        mtmd_cpp.mtmd_free(self.native)

    def _bitmap(self, medium: DecodedMedium) -> int:
        """A medium for libmtmd, if the model can take it."""
        if isinstance(medium, DecodedPicture):
            check_picture(medium.pixels)
            return _picture_bitmap(medium.pixels)
        check_recording(medium.samples, self.sample_rate, self._longest_s)
        return _sound_bitmap(medium.samples)

    def _prepare(self, bitmap: int) -> NativeChunks | None:
        """What libmtmd makes of a bitmap, which is freed; None if it refuses it."""
        part = mtmd_cpp.mtmd_input_part(bitmap=bitmap)
        chunks = NativeChunks()
        try:
            parts = (ctypes.POINTER(mtmd_cpp.mtmd_input_part) * 1)(ctypes.pointer(part))
            code = mtmd_cpp.mtmd_tokenize_from_parts(self.native, chunks.native, parts, 1, False)
        finally:
            mtmd_cpp.mtmd_bitmap_free(bitmap)
        return chunks if code == 0 else None

    def _read(self, prepared: NativeChunks, digest: bytes) -> list[list[int] | MediaChunk]:
        read: list[list[int] | MediaChunk] = []
        place = 0
        for native in map(prepared.__getitem__, range(len(prepared))):
            if mtmd_cpp.mtmd_input_chunk_get_type(native) == TEXT:
                read.append(text_tokens(native))
                continue
            length = int(mtmd_cpp.mtmd_input_chunk_get_n_tokens(native))
            is_causal = not mtmd_cpp.mtmd_decode_use_non_causal(self.native, native)
            most = MAX_CHUNK_TOKENS if is_causal else self.whole_tokens
            if not 1 <= length <= most:
                raise JobError(400, f"medium: expected pieces of 1 to {most} embeddings, got {length}")
            key = chunk_key(digest, place, length, self._identity)
            positions = int(mtmd_cpp.mtmd_input_chunk_get_n_pos(native))
            read.append(LlamaChunk(prepared, native, key, is_causal, self._sections, length, positions))
            place += 1
        if not place:
            raise JobError(400, "medium: libmtmd makes nothing of it")
        return read

    def _longest_chunk(self, shape: tuple[int, int]) -> int:
        """The length of the largest chunk of a picture, of which only the size is known."""
        prepared = self._prepare(mtmd_cpp.mtmd_bitmap_init(*shape, None))
        natives = [] if prepared is None else [prepared[index] for index in range(len(prepared))]
        return max((int(mtmd_cpp.mtmd_input_chunk_get_n_tokens(native)) for native in natives), default=0)


def _identity(options: ProjectorOptions) -> bytes:
    """What embeddings depend on besides the content."""
    told = hashlib.sha256(file_digest(Path(options.path)))
    told.update(str(options.image_max_tokens).encode())
    return told.digest()


def _picture_bitmap(pixels: NDArray[np.uint8]) -> int:
    data = np.ascontiguousarray(pixels, np.uint8)
    height, width, _ = data.shape
    return int(mtmd_cpp.mtmd_bitmap_init(width, height, data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))))


def _sound_bitmap(samples: NDArray[np.float32]) -> int:
    data = np.ascontiguousarray(samples, np.float32)
    return int(mtmd_cpp.mtmd_bitmap_init_from_audio(len(data), data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))))
