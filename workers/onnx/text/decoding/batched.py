"""Decodes many sequences in one run of a graph, each at its own position.

The graph's attention (``GroupQueryAttention``) takes the length of each row from the attention mask, reads that many
keys and values of the row, and writes the new ones behind them. So sequences of any lengths are computed together, as
long as each has one new token. A part of a prompt is a run of its own, over the one row of its sequence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import DTypeLike, NDArray

from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError
from workers.onnx.text.decoding.buffers import PAGE_BYTES, DeviceTensor, MainMemoryTensor, RowTensor
from workers.onnx.text.decoding.layout import DecoderNames, DecoderSettings
from workers.onnx.text.decoding.rows import CacheRows
from workers.onnx.text.decoding.trial import try_decoder
from workers.text.model import BatchSlice, DecoderSize

_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Types of keys, values and logits that can be computed here."""

MAX_BINDINGS = 64
"""Rows whose binding is kept, so that a step binds only what changes."""

TENSORS: dict[OnnxProvider, Callable[[int, int, int, int, DTypeLike], RowTensor]] = {
    OnnxProvider.CPU: MainMemoryTensor,
    OnnxProvider.CUDA: DeviceTensor,
    OnnxProvider.TENSORRT: DeviceTensor,
}
"""Where the cache is, by provider."""


def can_batch(settings: DecoderSettings, session: onnxruntime.InferenceSession, provider: OnnxProvider) -> bool:
    """Whether a graph can compute many sequences at once here."""
    inputs, names = {one.name: one for one in session.get_inputs()}, settings.names
    outputs = {one.name: one for one in session.get_outputs()}
    known = {names.tokens, names.mask, names.positions, *names.past}
    return (
        provider in TENSORS
        and settings.is_plain
        and settings.shares_buffer
        and {names.tokens, names.mask, *names.past} <= inputs.keys() <= known
        and all(_is_cache(inputs[name]) for name in names.past)
        and not isinstance(inputs[names.tokens].shape[0], int)
        and {names.logits, *names.present} <= outputs.keys()
        and outputs[names.logits].type in _FLOATS
    )


def _is_cache(tensor: Any) -> bool:
    shape = tensor.shape
    return tensor.type in _FLOATS and len(shape) == 4 and isinstance(shape[1], int)


class BatchedDecoder:
    """A graph with a cache of its own.

    Raises:
        EngineLoadError: not enough memory, or the graph does not do what its settings say.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        names: DecoderNames,
        head_size: int,
        vocabulary_size: int,
        size: DecoderSize,
        provider: OnnxProvider,
    ) -> None:
        self._session = session
        self._names = names
        self._batch_tokens = size.batch_tokens
        inputs = {one.name: one for one in session.get_inputs()}
        self._has_positions = names.positions in inputs
        self._integers = {name: _integer(inputs[name].type) for name in inputs if name not in names.past}
        outputs = {one.name: one for one in session.get_outputs()}
        self._logits_type = np.dtype(_FLOATS[outputs[names.logits].type])
        self._vocabulary_size = vocabulary_size
        self._logits = np.empty(0, self._logits_type)
        try:
            self._tensors = [cache_tensor(inputs[name], head_size, size, provider) for name in names.past]
        except (OSError, MemoryError, OverflowError, RuntimeError) as error:
            problem = f"not enough memory for a KV cache of {size.sequences} times {size.context_tokens} tokens"
            raise EngineLoadError(f"{problem}; lower --nctx or --slots: {error}") from None
        self.memory = CacheRows(self._tensors)
        self._bindings: dict[tuple[int, int], onnxruntime.IOBinding] = {}
        try_decoder(self, vocabulary_size, size.sequences, size.context_tokens)

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        """Compute a batch; see :class:`workers.text.model.BatchDecoder`."""
        single = [part for part in slices if len(part.tokens) == 1]
        computed = self._decode_together(single) if len(single) > 1 else {}
        for part in slices:
            if part.cache_id not in computed:
                computed[part.cache_id] = self._decode_part(part)
        wanted = [computed[part.cache_id] for part in slices if part.outputs]
        return np.concatenate(wanted) if wanted else np.empty((0, self._vocabulary_size), np.float32)

    def close(self) -> None:
        """Forget the cache."""
        self._bindings.clear()
        self._tensors.clear()

    def _decode_together(self, parts: list[BatchSlice]) -> dict[int, NDArray[np.float32]]:
        """One token of each of several sequences. Returns their logits, each of shape ``(1, vocabulary)``.

        Rows between theirs get a token too, which is forgotten.
        """
        first, count = self.memory.gather(part.cache_id for part in parts)
        tokens = np.zeros((count, 1), np.int64)
        lengths = self.memory.lengths(first, count)
        for part in parts:
            row = self.memory.row_of(part.cache_id) - first
            tokens[row, 0], lengths[row] = part.tokens[0], part.start
        logits = self._run(first, tokens, lengths)[:, -1].astype(np.float32)
        for part in parts:
            self.memory.fill(part.cache_id, part.start + 1)
        return {part.cache_id: logits[self.memory.row_of(part.cache_id) - first][None] for part in parts}

    def _decode_part(self, part: BatchSlice) -> NDArray[np.float32]:
        """Consecutive tokens of one sequence. Returns ``(outputs, vocabulary)``."""
        row = self.memory.row_of(part.cache_id)
        tokens = np.array([part.tokens], np.int64)
        logits = self._run(row, tokens, np.array([part.start], np.int64))
        self.memory.fill(part.cache_id, part.start + len(part.tokens))
        return logits[0, len(part.tokens) - part.outputs :].astype(np.float32)

    def _run(self, first: int, tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[Any]:
        """Compute ``tokens``, shape ``(rows, tokens)``, behind the ``lengths`` tokens of the rows from ``first`` on.

        Returns the logits, shape ``(rows, tokens, vocabulary)``, valid until the next call.
        """
        rows, count = tokens.shape
        ends = lengths + count
        given = {self._names.tokens: tokens, self._names.mask: np.arange(ends.max())[None] < ends[:, None]}
        if self._has_positions:
            given[self._names.positions] = lengths[:, None] + np.arange(count)
        binding = self._binding(first, rows)
        kept = {name: np.ascontiguousarray(values, self._integers[name]) for name, values in given.items()}
        for name, values in kept.items():
            binding.bind_cpu_input(name, values)
        logits = self._room(rows * count).reshape(rows, count, self._vocabulary_size)
        binding.bind_output(self._names.logits, "cpu", 0, self._logits_type, logits.shape, logits.ctypes.data)
        self._session.run_with_iobinding(binding)
        return logits

    def _room(self, tokens: int) -> NDArray[Any]:
        """Memory for the logits of so many tokens."""
        size = tokens * self._vocabulary_size
        if len(self._logits) < size:
            self._logits = np.empty(size, self._logits_type)
        return self._logits[:size]

    def _binding(self, first: int, rows: int) -> onnxruntime.IOBinding:
        """The binding of some consecutive rows of the cache, to read and to write them."""
        binding = self._bindings.get((first, rows))
        if binding is None:
            if len(self._bindings) >= MAX_BINDINGS:
                self._bindings.pop(next(iter(self._bindings)))
            binding = self._bindings[first, rows] = self._session.io_binding()
            for tensor, past, present in zip(self._tensors, self._names.past, self._names.present, strict=True):
                place = (tensor.device, 0, tensor.dtype, [rows, *tensor.shape[1:]], tensor.pointer(first))
                binding.bind_input(past, *place)
                binding.bind_output(present, *place)
        return binding


def cache_tensor(given: Any, head_size: int, size: DecoderSize, provider: OnnxProvider) -> RowTensor:
    """The cache of a layer's keys or values. Its rows are whole pages, and have a cell beyond the context.

    Rows that are computed for nothing write to the cell behind their last.
    """
    dtype = np.dtype(_FLOATS[given.type])
    heads, last = given.shape[1], given.shape[3]
    width = last if isinstance(last, int) else head_size
    step = PAGE_BYTES // math.gcd(PAGE_BYTES, heads * width * dtype.itemsize)
    tokens = -(-(size.context_tokens + 1) // step) * step
    return TENSORS[provider](size.sequences, heads, tokens, width, dtype)


def _integer(type_name: str) -> np.dtype[Any]:
    return np.dtype(np.int32 if type_name == "tensor(int32)" else np.int64)
