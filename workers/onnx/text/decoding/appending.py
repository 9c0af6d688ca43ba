"""Decodes with graphs that return keys and values in new tensors: those of the past, with the new ones behind them.

Sequences are computed one after the other. A tensor is never changed once it is there, so sequences share those of
their common beginning until each goes on, and nothing is copied to cut one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue

from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError
from workers.onnx.session import NUMBER_TYPES
from workers.onnx.text.decoding.hub_layout import check_inputs
from workers.onnx.text.decoding.layout import DecoderSettings
from workers.onnx.text.decoding.trial import MAX_REASON
from workers.text.model import BatchSlice

State = NDArray[np.uint8]

_CACHE_FLOATS = ("tensor(float)", "tensor(float16)")

HAS_PAST = "use_cache_branch"
"""An input of graphs that are two: one for the first tokens, and one for those behind others."""

LAST_ROWS = ("num_logits_to_keep", "logits_to_keep")
"""Inputs that say of how many last tokens logits are computed."""

_DEVICES = {OnnxProvider.CUDA: "cuda", OnnxProvider.TENSORRT: "cuda"}
"""Where keys and values stay, if it is not in main memory."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Keys and values of at least ``length`` tokens, shape ``(1, heads, tokens, head size)`` each."""

    tensors: Sequence[OrtValue]
    length: int


@dataclass(frozen=True, slots=True)
class CacheCell:
    """What the keys or the values of one layer are made of."""

    dtype: np.dtype[Any]
    heads: int
    width: int


class AppendedMemory:
    """The keys and values of each sequence. Implements ``KVMemory`` of :mod:`workers.text.cache.kv_memory`."""

    shares_cells = True
    can_cut = True

    def __init__(self, cells: Sequence[CacheCell], device: str) -> None:
        self._cells = cells
        self._device = device
        self._kept: dict[int, _Kept] = {}
        self._cell_bytes: int = sum(cell.dtype.itemsize * cell.heads * cell.width for cell in cells)

    def past(self, sequence: int, length: int) -> Sequence[OrtValue]:
        """The keys and values of a sequence's first ``length`` tokens."""
        kept = self._kept.get(sequence)
        if kept is None or not length:
            return [self._value(np.zeros((1, cell.heads, 0, cell.width), cell.dtype)) for cell in self._cells]
        return [self._begin(tensor, length) for tensor in kept.tensors]

    def keep(self, sequence: int, tensors: Sequence[OrtValue], length: int) -> None:
        """Replace what a sequence has."""
        self._kept[sequence] = _Kept(tensors, length)

    def clear(self) -> None:
        """Forget all sequences."""
        self._kept.clear()

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Let sequence ``target`` begin with the first ``length`` tokens of ``source``."""
        kept = self._kept.get(target)
        if kept is None or kept.length < length:
            self._kept[target] = _Kept(self._kept[source].tensors, length)

    def remove(self, sequence: int) -> None:
        """Forget a sequence."""
        self._kept.pop(sequence, None)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        """Forget the tokens at positions ``begin`` to ``end - 1``. Those at the beginning stay."""
        kept = self._kept.get(sequence)
        if kept is not None and begin and begin < end >= kept.length:
            self._kept[sequence] = _Kept(kept.tensors, min(kept.length, begin))

    def state_bytes(self, sequence: int) -> int:
        """The size of what :meth:`save` returns."""
        return self._kept[sequence].length * self._cell_bytes if sequence in self._kept else 0

    def save(self, sequence: int) -> State:
        """A copy of a sequence's keys and values."""
        length = self._kept[sequence].length
        state = np.empty(self.state_bytes(sequence), np.uint8)
        for tensor, part in zip(self._kept[sequence].tensors, self._parts(state, length), strict=True):
            part[...] = tensor.numpy()[:, :, :length]
        return state

    def load(self, sequence: int, state: State) -> bool:
        """Restore a copy as sequence ``sequence``."""
        length = len(state) // self._cell_bytes
        tensors = [self._value(part.copy()) for part in self._parts(state, length)]
        self._kept[sequence] = _Kept(tensors, length)
        return True

    def _parts(self, state: State, length: int) -> Iterable[NDArray[Any]]:
        """Each tensor's part of a state."""
        end = 0
        for cell in self._cells:
            shape = (1, cell.heads, length, cell.width)
            begin, end = end, end + cell.dtype.itemsize * cell.heads * length * cell.width
            yield state[begin:end].view(cell.dtype).reshape(shape)

    def _begin(self, tensor: OrtValue, length: int) -> OrtValue:
        if tensor.shape()[2] == length:
            return tensor
        return self._value(np.ascontiguousarray(tensor.numpy()[:, :, :length]))

    def _value(self, array: NDArray[Any]) -> OrtValue:
        return OrtValue.ortvalue_from_numpy(array, self._device, 0)


class AppendingDecoder:
    """A graph, and what it has computed for each sequence.

    Raises:
        EngineLoadError: the graph wants inputs that are not known here, or does not compute a first token.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        settings: DecoderSettings,
        vocabulary_size: int,
        provider: OnnxProvider,
    ) -> None:
        self._session = session
        self._names = names = settings.names
        self._vocabulary_size = vocabulary_size
        self._inputs = {one.name: one for one in session.get_inputs()}
        check_inputs(
            settings.graph,
            session,
            {names.tokens, names.mask, names.positions, *names.past, HAS_PAST, *LAST_ROWS},
        )
        self._device = _DEVICES.get(provider, "cpu")
        cells = [_cell(self._inputs[name], settings) for name in names.past]
        self.memory = AppendedMemory(cells, self._device)
        self._check(settings.graph)

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        """Compute a batch; see :class:`workers.text.model.BatchDecoder`."""
        rows = [self._decode_part(part) for part in slices]
        return np.concatenate(rows) if rows else np.empty((0, self._vocabulary_size), np.float32)

    def close(self) -> None:
        """Forget all sequences."""
        self.memory.clear()

    def _decode_part(self, part: BatchSlice) -> NDArray[np.float32]:
        """The logits of a part's last tokens, shape ``(outputs, vocabulary)``.

        Graphs of two halves read only single tokens behind others: their second half may have no causal mask.
        """
        if HAS_PAST not in self._inputs or not part.start or len(part.tokens) == 1:
            return self._run(part.cache_id, part.start, part.tokens, part.outputs)
        first = len(part.tokens) - part.outputs
        rows = [
            self._run(part.cache_id, part.start + at, [token], int(at >= first)) for at, token in enumerate(part.tokens)
        ]
        return np.concatenate(rows)

    def _run(self, sequence: int, start: int, tokens: list[int], outputs: int) -> NDArray[np.float32]:
        """Compute ``tokens`` behind the first ``start`` of a sequence, and keep their keys and values."""
        names, binding = self._names, self._session.io_binding()
        end = start + len(tokens)
        given = self._given(start, tokens, outputs)  # must outlive the run, as the past
        for name, value in given.items():
            binding.bind_cpu_input(name, value)
        past = self.memory.past(sequence, start)
        for name, tensor in zip(names.past, past, strict=True):
            binding.bind_ortvalue_input(name, tensor)
        binding.bind_output(names.logits, "cpu")
        for name in names.present:
            binding.bind_output(name, self._device)
        self._session.run_with_iobinding(binding)
        logits, *present = binding.get_outputs()
        self.memory.keep(sequence, present, end)
        if not outputs:
            return np.empty((0, self._vocabulary_size), np.float32)
        rows: NDArray[np.float32] = logits.numpy()[0, -outputs:].astype(np.float32)
        return rows

    def _given(self, start: int, tokens: list[int], outputs: int) -> dict[str, NDArray[Any]]:
        """The inputs beside keys and values: those of them that the graph has."""
        names, end = self._names, start + len(tokens)
        given: dict[str, Any] = {
            names.tokens: [tokens],
            names.mask: np.ones((1, end)),
            names.positions: [range(start, end)],
            HAS_PAST: [start > 0],
        }
        for name in LAST_ROWS:
            if name in self._inputs:
                given[name] = max(outputs, 1) if not self._inputs[name].shape else [max(outputs, 1)]
        return {
            name: np.array(value, NUMBER_TYPES[self._inputs[name].type])
            for name, value in given.items()
            if name in self._inputs
        }

    def _check(self, graph: Path) -> None:
        """Compute two tokens, and look at what comes out."""
        name = f"{graph.parent.name}/{graph.name}"
        try:
            for start in range(2):
                rows = self._run(0, start, [0], 1)
        except Exception as error:  # onnxruntime's own errors have no common class
            reason = " ".join(str(error).split())[:MAX_REASON]
            raise EngineLoadError(f"{name}: expected a graph that computes single tokens, got: {reason}") from None
        tokens = {tensor.shape()[2] for tensor in self.memory.past(0, 2)}
        self.memory.clear()
        if rows.shape != (1, self._vocabulary_size) or tokens != {2}:
            raise EngineLoadError(
                f"{name}: expected {self._vocabulary_size} logits, keys and values for each token, "
                f"got {rows.shape[-1]}, and those of {sorted(tokens)} tokens after two"
            )


def _cell(tensor: Any, settings: DecoderSettings) -> CacheCell:
    name = f"{settings.graph.parent.name}/{settings.graph.name}"
    if tensor.type not in _CACHE_FLOATS or len(tensor.shape) != 4:
        shown = f"{tensor.type} of {len(tensor.shape)} dimensions"
        raise EngineLoadError(f"{name}: expected keys and values as 4-dimensional float tensors, got {shown}")
    heads, width = tensor.shape[1], tensor.shape[3]
    cell = CacheCell(
        np.dtype(NUMBER_TYPES[tensor.type]),
        heads if isinstance(heads, int) else settings.heads,
        width if isinstance(width, int) else settings.head_size,
    )
    if not cell.heads:
        raise EngineLoadError("config.json: expected num_key_value_heads from 1 to 65536, got none")
    return cell
