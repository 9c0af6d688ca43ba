"""Prompts of texts and media, computed with a context of llama.cpp: by our parts, and by libmtmd's own helper."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

import llama_cpp
import numpy as np
from llama_cpp import mtmd_cpp
from numpy.typing import NDArray

from workers.llama.media.decoder import MediaContext
from workers.llama.media.model import SeeingLlama
from workers.text.media.media import DecodedMedium, DecodedPicture
from workers.text.media.projector import MediaChunk
from workers.text.model import BatchSlice, DecoderSize

Logits = NDArray[np.float32]
Parts = Sequence[str | DecodedMedium]

BATCH = 128


def open_context(model: SeeingLlama) -> MediaContext:
    """A context for some sequences."""
    return model.open_decoder(DecoderSize(2048, 8, 2048, BATCH, 2))


def always() -> bool:
    """Go on."""
    return True


class MediaPromptReader:
    """Computes the prompt of one sequence, part by part. ``position`` is where the next part begins."""

    def __init__(self, model: SeeingLlama, context: MediaContext, sequence: int = 0, step: int = BATCH) -> None:
        self._model, self._context, self._sequence, self._step = model, context, sequence, step
        self.position = 0
        self.cells = 0

    def read(self, parts: Parts) -> Logits:
        """Compute these parts, runs of tokens at once as libmtmd does; returns the logits behind the last one."""
        last, run = np.empty(0, np.float32), list[int]()
        for piece in self._pieces(parts):
            if isinstance(piece, list):
                run += piece
                continue
            if run:
                self.read_tokens(run)
            run, last = [], self._read_chunk(piece)
        return self.read_tokens(run) if run else last

    def _pieces(self, parts: Parts) -> Iterator[list[int] | MediaChunk]:
        for part in parts:
            if isinstance(part, str):
                yield self._model.vocabulary.tokenize(part, False, True)
            else:
                yield from self._model.projector.chunks(part)

    def _read_chunk(self, chunk: MediaChunk) -> Logits:
        embeddings = self._model.projector.encode(chunk, always)
        assert embeddings is not None
        rows = chunk.position_rows(self.position)
        step = self._step if chunk.is_causal else chunk.length
        logits = np.empty((0, 0), np.float32)
        for begin in range(0, chunk.length, step):
            end = min(begin + step, chunk.length)
            given = embeddings[begin:end], rows[:, begin:end], end == chunk.length, chunk.is_causal
            logits = self._context.decode_embeddings(self._sequence, *given)
        self.position += chunk.positions
        self.cells += chunk.length
        last: Logits = logits[-1].copy()
        return last

    def read_tokens(self, tokens: list[int]) -> Logits:
        """Compute these tokens; returns the logits behind the last one."""
        last = np.empty(0, np.float32)
        for begin in range(0, len(tokens), self._step):
            part = tokens[begin : begin + self._step]
            last = self._context.decode([BatchSlice(self._sequence, self.position, part, 1)])[-1].copy()
            self.position += len(part)
        self.cells += len(tokens)
        return last

    def answer(self, logits: Logits, most: int = 12) -> str:
        """What the model says then: always the likeliest token."""
        text = b""
        for _ in range(most):
            token = int(logits.argmax())
            if token in self._model.vocabulary.eog:
                break
            text += self._model.vocabulary.piece(token)
            logits = self.read_tokens([token])
        return text.decode("utf-8", "replace")


def read_by_mtmd(model: SeeingLlama, context: MediaContext, parts: Parts) -> tuple[Logits, int, int]:
    """The same prompt by libmtmd's helper: the last logits, the positions and the cells that it took."""
    texts = "".join(part if isinstance(part, str) else "<__media__>" for part in parts)
    bitmaps = [_bitmap(part) for part in parts if not isinstance(part, str)]
    data = texts.encode()
    text = mtmd_cpp.mtmd_input_text(data, len(data), False, True)
    chunks = mtmd_cpp.mtmd_input_chunks_init()
    given = (ctypes.c_void_p * len(bitmaps))(*bitmaps)
    mtmd = model.projector.native
    assert mtmd_cpp.mtmd_tokenize(mtmd, chunks, ctypes.byref(text), given, len(bitmaps)) == 0
    end = llama_cpp.llama_pos(0)
    native = context.native
    assert mtmd_cpp.mtmd_helper_eval_chunks(mtmd, native, chunks, 0, 0, BATCH, True, ctypes.byref(end)) == 0
    row = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(native, -1), shape=(model.vocabulary.size,)).copy()
    cells = int(mtmd_cpp.mtmd_helper_get_n_tokens(chunks))
    mtmd_cpp.mtmd_input_chunks_free(chunks)
    for bitmap in bitmaps:
        mtmd_cpp.mtmd_bitmap_free(bitmap)
    return row, int(end.value), cells


def _bitmap(medium: DecodedMedium) -> int:
    if isinstance(medium, DecodedPicture):
        pixels = np.ascontiguousarray(medium.pixels)
        height, width, _ = pixels.shape
        return int(mtmd_cpp.mtmd_bitmap_init(width, height, pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))))
    samples = medium.samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    return int(mtmd_cpp.mtmd_bitmap_init_from_audio(len(medium.samples), samples))
