"""What the text engine needs of a model: weights that decode batches of tokens of many sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import AdapterSet
from workers.chat.template_source import TemplateSource
from workers.text.cache.kv_memory import KVMemory
from workers.text.vocabulary import Vocabulary


class NoRoom(RuntimeError):
    """The KV cache has no room for a batch. Nothing was computed."""


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """Consecutive tokens of one sequence, the first at position ``start``; the last ``outputs`` of them want logits."""

    cache_id: int
    start: int
    tokens: list[int]
    outputs: int


@dataclass(frozen=True, slots=True)
class DecoderSize:
    """How large a decoder is.

    ``cells`` is the number of tokens that its KV cache holds, of up to ``sequences`` sequences with up to
    ``context_tokens`` each. ``batch_tokens`` is the maximum size of a batch, ``threads`` the number of CPU threads that
    compute it. With ``has_ends``, its memory may be an :class:`~workers.text.cache.kv_memory.EndMemory`.
    """

    cells: int
    sequences: int
    context_tokens: int
    batch_tokens: int
    threads: int
    has_ends: bool = False


class BatchDecoder(Protocol):
    """Computes batches, with a KV cache for many sequences."""

    @property
    def memory(self) -> KVMemory:
        """The KV cache, as sequences share, free, save and restore it."""

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        """Compute a batch.

        Returns:
            The logits of the tokens that want them, shape ``(outputs of all slices, vocabulary)``. They are valid, and
            may be changed, until the next call.

        Raises:
            NoRoom: nothing was computed.
        """

    def close(self) -> None:
        """Free it. The model must be freed after it."""


@runtime_checkable
class AdaptableDecoder(BatchDecoder, Protocol):
    """A decoder of a model with adapters."""

    def use_adapters(self, adapters: AdapterSet) -> None:
        """Compute all later batches with these of the model's adapters. At first none is used."""


class TextModel(Protocol):
    """Loaded weights, with their vocabulary.

    ``trained_tokens`` is the context that the model was trained with. A model without ``can_share_prefixes`` keeps
    nothing of ended sequences. ``max_sequences`` bounds those that a decoder can hold, ended ones included.
    """

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens."""

    @property
    def trained_tokens(self) -> int:
        """The context window that the model was trained with, in tokens; 0 if it does not tell."""

    @property
    def can_share_prefixes(self) -> bool:
        """Whether sequences can begin with a copy of another's cache."""

    def needs_checkpoints(self, cells: int, slots: int) -> bool:
        """Whether the memory of a decoder of that size will have a part of each sequence's state for its end only."""

    @property
    def max_sequences(self) -> int:
        """How many sequences one decoder can hold, ended ones included."""

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU."""

    @property
    def device(self) -> str | None:
        """What it runs on, as in ``cpu`` or ``vulkan:0``; None for the GPU that the worker was assigned."""

    def template(self) -> TemplateSource | None:
        """The chat template that comes with it, if there is one."""

    def open_decoder(self, size: DecoderSize) -> BatchDecoder:
        """Make a decoder.

        Raises:
            EngineLoadError: not enough memory.
        """

    def close(self) -> None:
        """Free the weights."""


@runtime_checkable
class LastingModel(TextModel, Protocol):
    """A model whose sequences can be restored by another process."""

    def identity(self, size: DecoderSize) -> bytes:
        """What the states of its sequences depend on, in a decoder of this size: files, settings, library; 32 bytes.

        Raises:
            OSError: a file cannot be read.
        """
