"""From lists of tokens to rows of numbers: contexts of llama.cpp that keep nothing from one batch to the next."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import llama_cpp
import numpy as np

from shared.engines.embedding import POOLING_CODES, Pooling
from workers.embedding.computer import Rows
from workers.engine import EngineLoadError
from workers.llama.native.batch import Batch
from workers.llama.native.cache_params import context_params
from workers.llama.native.context import DecodeError, LlamaContext, max_sequences, new_context
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice

_CODES = {pooling: code for code, pooling in POOLING_CODES.items()}


class PooledContext:
    """A context that gives one vector per input, or a classifier's outputs with :attr:`Pooling.RANK`.

    llama.cpp computes up to ``physical_tokens`` at once, which bounds its memory, and no more inputs than that. They
    are also the tokens of a part. ``messages`` is what it logged about the context.

    Raises:
        EngineLoadError: not enough memory.
    """

    def __init__(
        self, model: LlamaModel, pooling: Pooling, batch_tokens: int, physical_tokens: int, threads: int
    ) -> None:
        self.batch_tokens = batch_tokens
        self.sequences = min(max_sequences(), physical_tokens)
        is_rank = pooling is Pooling.RANK
        size = llama_cpp.llama_model_n_cls_out if is_rank else llama_cpp.llama_model_n_embd_out
        self.dimensions = int(size(model.native))
        sizes = (batch_tokens, physical_tokens, self.sequences, threads)
        self.ubatch_tokens = physical_tokens
        self._native, self.messages = _new_context(model, pooling, *sizes)
        self._memory = llama_cpp.llama_get_memory(self._native)
        self._batch = Batch(physical_tokens)
        self._physical_tokens = physical_tokens

    def parts(self, inputs: list[list[int]]) -> Generator[Rows | None]:
        rows = np.empty((len(inputs), self.dimensions), np.float32)
        left = [BatchSlice(number, 0, tokens, 1) for number, tokens in enumerate(inputs)]
        try:
            while left:
                part, left = _fitting(left, self._physical_tokens)
                self._decode(part)
                for number in (piece.cache_id for piece in part if piece.outputs):
                    pointer = llama_cpp.llama_get_embeddings_seq(self._native, number)
                    rows[number] = np.ctypeslib.as_array(pointer, shape=(self.dimensions,))
                if left:
                    yield None
        finally:
            if self._memory:
                llama_cpp.llama_memory_clear(self._memory, False)
        yield rows

    def _decode(self, part: list[BatchSlice]) -> None:
        self._batch.fill([replace(piece, outputs=len(piece.tokens)) for piece in part])
        code = llama_cpp.llama_decode(self._native, self._batch.native)
        if code != 0:
            raise DecodeError(int(code))

    def close(self) -> None:
        llama_cpp.llama_free(self._native)


class YesNoContext:
    """A context that gives for each input how likely "yes" is as the next word, if it is "yes" or "no".

    Raises:
        EngineLoadError: not enough memory, or the model has no such tokens.
    """

    def __init__(self, model: LlamaModel, batch_tokens: int, physical_tokens: int, threads: int) -> None:
        self.batch_tokens = batch_tokens
        self.sequences = min(max_sequences(), physical_tokens)
        self._answers = [_only_token(model, word) for word in ("yes", "no")]
        self._context = LlamaContext(
            model.native, model.vocabulary, batch_tokens, self.sequences, physical_tokens, threads, model.options
        )
        self._physical_tokens = physical_tokens
        self.messages, self.ubatch_tokens = self._context.messages, self._context.ubatch_tokens

    def parts(self, inputs: list[list[int]]) -> Generator[Rows | None]:
        scores = np.empty((len(inputs), 1), np.float32)
        left = [BatchSlice(number, 0, tokens, 1) for number, tokens in enumerate(inputs)]
        try:
            while left:
                part, left = _fitting(left, self._physical_tokens)
                logits = self._context.decode(part)[:, self._answers].astype(np.float64)
                ended = [piece.cache_id for piece in part if piece.outputs]
                scores[ended, 0] = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
                for number in ended:
                    self._context.memory.remove(number)
                if left:
                    yield None
        finally:
            for number in range(len(inputs)):
                self._context.memory.remove(number)
        yield scores

    def close(self) -> None:
        self._context.close()


def _fitting(slices: list[BatchSlice], room: int) -> tuple[list[BatchSlice], list[BatchSlice]]:
    """The first ``room`` tokens of these slices, and what is left."""
    taken: list[BatchSlice] = []
    for index, piece in enumerate(slices):
        if len(piece.tokens) > room:
            rest = slices[index + 1 :]
            if room:
                taken.append(BatchSlice(piece.cache_id, piece.start, piece.tokens[:room], 0))
                piece = BatchSlice(piece.cache_id, piece.start + room, piece.tokens[room:], piece.outputs)
            return taken, [piece, *rest]
        taken.append(piece)
        room -= len(piece.tokens)
    return taken, []


def _only_token(model: LlamaModel, word: str) -> int:
    tokens = model.vocabulary.tokenize(word, add_special=False, parse_special=False)
    if len(tokens) != 1:
        raise EngineLoadError(f"expected a reranker with a token for {word!r}, got a model that writes it in several")
    return tokens[0]


def _new_context(
    model: LlamaModel, pooling: Pooling, batch_tokens: int, physical_tokens: int, sequences: int, threads: int
) -> tuple[int, list[str]]:
    params = context_params(model.options)
    params.n_ctx = params.n_batch = batch_tokens
    params.n_ubatch = physical_tokens
    params.n_seq_max = sequences
    params.n_threads = params.n_threads_batch = threads
    params.embeddings = True
    params.pooling_type = _CODES[pooling]
    no_memory = f"not enough memory for inputs of {batch_tokens} tokens; lower --nctx"
    return new_context(model.native, params, no_memory)
