"""The decoding of embeddings of pictures and sound, beside that of tokens."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from workers.llama.native.context import LlamaContext


class MediaContext(LlamaContext):
    """A context that decodes embeddings too. Implements ``MediaDecoder`` of :mod:`workers.text.media.projector`."""

    def decode_embeddings(
        self,
        sequence_id: int,
        embeddings: NDArray[np.float32],
        positions: NDArray[np.int32],
        wants_logits: bool,
        causal: bool,
    ) -> NDArray[np.float32]:
        """Compute embeddings of one sequence, shape ``(n, width)``, at positions of shape ``(sections, n)``.

        Unless ``causal``, each attends to all of them.

        Returns:
            The logits behind the last one, shape ``(1, vocabulary)``, if they are wanted, else ``(0, vocabulary)``;
            valid like those of :meth:`decode`.

        Raises:
            ValueError: there are more embeddings than llama.cpp computes at once, or too few positions.
            NoRoom: the KV cache has no room for the batch.
            DecodeError: nothing was computed.
        """
        most = self.batch_tokens if causal else self.ubatch_tokens
        if not 1 <= len(embeddings) <= most:  # llama.cpp aborts
            raise ValueError(f"embeddings: expected 1 to {most} in a batch, got {len(embeddings)}")
        if positions.shape[1] != len(embeddings):
            raise ValueError(f"positions: expected {len(embeddings)}, got {positions.shape[1]}")
        batch = _EmbeddingBatch(sequence_id, embeddings, positions, wants_logits)
        if causal:
            return self._run(batch.native, int(wants_logits))
        llama_cpp.llama_set_causal_attn(self.native, False)
        try:
            return self._run(batch.native, int(wants_logits))
        finally:
            llama_cpp.llama_set_causal_attn(self.native, True)


class _EmbeddingBatch:
    """A ``llama_batch`` of embeddings of one sequence. Its positions lie section by section over the whole batch."""

    def __init__(
        self, sequence_id: int, embeddings: NDArray[np.float32], positions: NDArray[np.int32], wants_logits: bool
    ) -> None:
        size = len(embeddings)
        sequence = np.array([sequence_id], np.int32)
        wanted = np.zeros(size, np.int8)
        wanted[-1] = wants_logits
        self.native = llama_cpp.llama_batch()
        self.native.n_tokens = size
        self._arrays: list[NDArray[Any]] = [sequence]
        self._point("embd", np.ascontiguousarray(embeddings, np.float32), ctypes.c_float)
        self._point("pos", np.ascontiguousarray(positions, np.int32), ctypes.c_int32)
        self._point("n_seq_id", np.ones(size, np.int32), ctypes.c_int32)
        self._point("seq_id", np.full(size, sequence.ctypes.data, np.uintp), ctypes.POINTER(ctypes.c_int32))
        self._point("logits", wanted, ctypes.c_int8)

    def _point(self, field: str, array: NDArray[Any], item: Any) -> None:
        self._arrays.append(array)
        setattr(self.native, field, array.ctypes.data_as(ctypes.POINTER(item)))
