"""A GGUF model in llama.cpp: loading it, and decoding batches of many sequences."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from workers.engine import EngineLoadError
from workers.llama.cache.host_cache import State
from workers.llama.native.log import capture_native_log, last_error
from workers.llama.native.vocabulary import Vocabulary
from workers.llama.options import LlamaOptions

SEQUENCES_KEPT = 48
"""Sequence ids beyond the slots, for ended sequences whose prefix may be wanted again."""

NO_ROOM = 1
"""``llama_decode``'s answer when the batch finds no room in the KV cache; nothing was changed."""


class DecodeError(RuntimeError):
    """``llama_decode`` failed; ``code`` is what it returned."""

    def __init__(self, code: int) -> None:
        super().__init__(f"llama_decode returned {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class BatchPiece:
    """Tokens of one sequence from position ``start`` on."""

    cache_id: int
    start: int
    tokens: list[int]
    wants_logits: bool


class LlamaModel:
    """The weights, a context with one unified KV cache, and the vocabulary.

    Raises:
        EngineLoadError: the file or the memory does not allow it; the message has llama.cpp's own last error.
    """

    def __init__(self, options: LlamaOptions, report: Callable[[float], None]) -> None:
        capture_native_log()
        llama_cpp.llama_backend_init()
        self._model = self._load(options, report)
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        self.trained_tokens = int(llama_cpp.llama_model_n_ctx_train(self._model))
        self.context_tokens = options.context_for(self.trained_tokens)
        self.cells = options.cells_for(self.context_tokens)
        recurrent = llama_cpp.llama_model_is_recurrent(self._model) or llama_cpp.llama_model_is_hybrid(self._model)
        self.shareable = not recurrent
        self.sequences = options.slots + (SEQUENCES_KEPT if self.shareable else 0)
        self.sequences = min(self.sequences, int(llama_cpp.llama_max_parallel_sequences()))
        self.context = self._new_context(options)
        self.memory = LlamaMemory(self.context)
        self._batch = _Batch(options.batch_tokens)
        self._warm_up()

    def chat_template(self) -> str | None:
        """The Jinja source that the file carries."""
        template = llama_cpp.llama_model_chat_template(self._model, None)
        return template.decode("utf-8", "replace") if template else None

    def decode(self, pieces: list[BatchPiece]) -> NDArray[np.float32]:
        """Compute a batch.

        Returns:
            The logits of the last token of each piece that wants them, shape ``(pieces that want them, vocabulary)``,
            in llama.cpp's own memory, valid until the next call.

        Raises:
            DecodeError: nothing was computed.
        """
        outputs = self._batch.fill(pieces)
        code = llama_cpp.llama_decode(self.context, self._batch.native)
        if code != 0:
            raise DecodeError(int(code))
        if not outputs:
            return np.empty((0, self.vocabulary.size), np.float32)
        pointer = llama_cpp.llama_get_logits(self.context)
        return np.ctypeslib.as_array(pointer, shape=(outputs, self.vocabulary.size))

    def close(self) -> None:
        """Free context and weights."""
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self._model)

    def _load(self, options: LlamaOptions, report: Callable[[float], None]) -> int:
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = options.gpu_layers if llama_cpp.llama_supports_gpu_offload() else 0
        self.on_gpu = params.n_gpu_layers != 0
        params.use_extra_bufts = False  # the repacked AMX path of a native build dies of SIGILL on some hosts

        def on_progress(fraction: float, _: ctypes.c_void_p) -> bool:
            report(float(fraction))
            return True

        params.progress_callback = llama_cpp.llama_progress_callback(on_progress)
        model = llama_cpp.llama_model_load_from_file(options.path.encode(), params)
        if not model:
            raise EngineLoadError(_with_reason("llama.cpp cannot read the file"))
        if llama_cpp.llama_model_has_encoder(model) or not llama_cpp.llama_model_has_decoder(model):
            raise EngineLoadError("only models that generate text with a decoder alone are served")
        return int(model)

    def _new_context(self, options: LlamaOptions) -> int:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = self.cells
        params.n_batch = params.n_ubatch = options.batch_tokens
        params.n_seq_max = self.sequences
        params.n_threads = params.n_threads_batch = options.threads
        params.kv_unified = True
        params.swa_full = True
        params.no_perf = True
        context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            problem = f"no memory for a KV cache of {self.cells} tokens (smaller: --nctx, --slots)"
            raise EngineLoadError(_with_reason(problem))
        return int(context)

    def _warm_up(self) -> None:
        token = max(self.vocabulary.bos, 0)
        self.decode([BatchPiece(0, 0, [token], True)])
        self.memory.remove(0)


def _with_reason(problem: str) -> str:
    reason = last_error()
    return f"{problem}: {reason}" if reason else problem


class LlamaMemory:
    """The operations on the KV cache's memory that the cache's bookkeeping asks for."""

    def __init__(self, context: int) -> None:
        self._context = context
        self._memory = llama_cpp.llama_get_memory(context)

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def remove(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        if begin < end:
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, begin, end)

    def state_bytes(self, sequence: int) -> int:
        return int(llama_cpp.llama_state_seq_get_size(self._context, sequence))

    def save(self, sequence: int) -> State:
        state = np.empty(self.state_bytes(sequence), np.uint8)
        llama_cpp.llama_state_seq_get_data(self._context, _bytes_of(state), state.nbytes, sequence)
        return state

    def load(self, sequence: int, state: State) -> bool:
        return bool(llama_cpp.llama_state_seq_set_data(self._context, _bytes_of(state), state.nbytes, sequence))


def _bytes_of(state: State) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


class _Batch:
    """A ``llama_batch`` whose arrays are filled through numpy, not item by item."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._counts = np.ones(size, np.int32)
        self._wanted = np.zeros(size, np.int8)
        self._pointers = self._sequences.ctypes.data + np.arange(size, dtype=np.uintp) * self._sequences.itemsize
        self.native = llama_cpp.llama_batch()
        self._point("token", self._tokens, ctypes.c_int32)
        self._point("pos", self._positions, ctypes.c_int32)
        self._point("n_seq_id", self._counts, ctypes.c_int32)
        self._point("seq_id", self._pointers, ctypes.POINTER(ctypes.c_int32))
        self._point("logits", self._wanted, ctypes.c_int8)

    def _point(self, field: str, array: NDArray[Any], item: Any) -> None:
        setattr(self.native, field, array.ctypes.data_as(ctypes.POINTER(item)))

    def fill(self, pieces: list[BatchPiece]) -> int:
        """Lay out the pieces; returns how many tokens' logits are wanted."""
        end = 0
        for piece in pieces:
            start, end = end, end + len(piece.tokens)
            self._tokens[start:end] = piece.tokens
            self._positions[start:end] = np.arange(piece.start, piece.start + len(piece.tokens))
            self._sequences[start:end] = piece.cache_id
            self._wanted[start:end] = 0
            if piece.wants_logits:
                self._wanted[end - 1] = 1
        self.native.n_tokens = end
        return sum(piece.wants_logits for piece in pieces)
