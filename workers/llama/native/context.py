"""A llama.cpp context: one KV cache for many sequences, and the decoding of their batches."""

from __future__ import annotations

from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import AdapterSet
from workers.engine import EngineLoadError
from workers.llama.native.adapters import LlamaAdapters
from workers.llama.native.batch import Batch
from workers.llama.native.cache_params import context_params, refusal
from workers.llama.native.log import held_back, last_error, with_last_error
from workers.llama.native.memory import LlamaMemory
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.model import BatchSlice, NoRoom

DEFAULTS = LlamaCppOptions()

NO_KV_SLOT = 1
"""``llama_decode`` returns this if the KV cache has no room for the batch. It has changed nothing then."""


class DecodeError(RuntimeError):
    """``llama_decode`` failed; ``code`` is its return value."""

    def __init__(self, code: int) -> None:
        super().__init__(f"llama_decode returned {code}")
        self.code = code


def max_sequences() -> int:
    """How many sequences this build of llama.cpp can hold in one context."""
    return int(llama_cpp.llama_max_parallel_sequences())


class LlamaContext:
    """A context of ``cells`` tokens, shared by up to ``sequences`` sequences. ``model`` is llama.cpp's.

    ``batch_tokens`` is the maximum size of a batch, of which ``ubatch_tokens`` are computed at once: at least
    ``whole_tokens``, if something must be. ``threads`` is the number of CPU threads that do it, and ``messages`` what
    llama.cpp logged about the context. ``adapters`` are the model's. If it is ``windowed``, layers with a sliding
    window keep only its tokens, and sequences cannot be cut.

    Raises:
        EngineLoadError: not enough memory, or options that the model cannot have.
    """

    def __init__(
        self,
        model: int,
        vocabulary: LlamaVocabulary,
        cells: int,
        sequences: int,
        batch_tokens: int,
        threads: int,
        options: LlamaCppOptions = DEFAULTS,
        adapters: LlamaAdapters | None = None,
        windowed: bool = False,
        whole_tokens: int = 0,
    ) -> None:
        self._vocabulary_size = vocabulary.size
        self._adapters = adapters
        params = context_params(options, windowed)
        params.n_ctx = cells
        # llama.cpp aborts where not each sequence can have an output
        params.n_batch = max(batch_tokens, sequences, whole_tokens)
        self.batch_tokens = batch_tokens
        self.ubatch_tokens = max(min(batch_tokens, options.ubatch_size or batch_tokens), whole_tokens)
        params.n_ubatch = self.ubatch_tokens
        params.n_seq_max = sequences
        params.n_threads = params.n_threads_batch = threads
        no_memory = f"not enough memory for a KV cache of {cells} tokens; lower --nctx or --slots"
        self.native, self.messages = new_context(model, params, no_memory)
        self.memory = LlamaMemory(self.native, can_cut=not (windowed or is_recurrent(model)))
        self._batch = Batch(batch_tokens)
        self.decode([BatchSlice(0, 0, [max(vocabulary.bos, 0)], 1)])  # the first decode allocates memory
        self.memory.remove(0)

    def use_adapters(self, adapters: AdapterSet) -> None:
        """Compute all later batches with these of the model's adapters. At first none is used."""
        assert self._adapters is not None
        self._adapters.use(self.native, adapters)

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        """Compute a batch.

        Returns:
            The logits of the tokens that want them, shape ``(outputs of all slices, vocabulary)``. They are in
            llama.cpp's own memory, valid until the next call.

        Raises:
            NoRoom: the KV cache has no room for the batch.
            DecodeError: nothing was computed.
        """
        outputs = self._batch.fill(slices)
        return self._run(self._batch.native, outputs)

    def _run(self, batch: Any, outputs: int) -> NDArray[np.float32]:
        """The same for a ``llama_batch`` of llama.cpp that has so many outputs."""
        code = llama_cpp.llama_decode(self.native, batch)
        if code == NO_KV_SLOT:
            raise NoRoom("llama_decode found no room in the KV cache")
        if code != 0:
            raise DecodeError(int(code))
        if not outputs:
            return np.empty((0, self._vocabulary_size), np.float32)
        pointer = llama_cpp.llama_get_logits(self.native)
        return np.ctypeslib.as_array(pointer, shape=(outputs, self._vocabulary_size))

    def close(self) -> None:
        """Free the context. The model must be freed after it."""
        llama_cpp.llama_free(self.native)


def is_recurrent(model: int) -> bool:
    """Whether a model, or a part of its layers, keeps a state of a sequence's end instead of its tokens."""
    return bool(llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model))


def new_context(model: int, params: Any, no_memory: str) -> tuple[int, list[str]]:
    """Make a context; returns also what llama.cpp logged meanwhile.

    Raises:
        EngineLoadError: ``no_memory``, or options that this model cannot have.
    """
    with held_back() as messages:
        context = llama_cpp.llama_init_from_model(model, params)
        if not context:
            raise EngineLoadError(refusal(last_error()) or with_last_error(no_memory))
    return int(context), messages
