"""What the text engine needs of a projector, which turns pictures and recordings into embeddings of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import MediaKind
from workers.text.media.media import DecodedMedium
from workers.text.model import BatchDecoder, TextModel

Embeddings = NDArray[np.float32]
"""Of one chunk, shape ``(length, width)``: each takes the place of a token's own embedding."""


class MediaChunk(Protocol):
    """A piece of a medium, encoded at once: a picture, one of its tiles, some seconds of sound.

    ``key`` is a hash of the content, of the piece's place in it and of the projector's identity: chunks with equal keys
    have equal embeddings. Each of ``length`` embeddings takes a cell of the KV cache; together they take ``positions``
    of the sequence, fewer than cells where positions have rows and columns (M-RoPE). Unless ``is_causal``, each attends
    to all of the chunk, so that they must be in one batch.
    """

    @property
    def key(self) -> bytes:
        """At least 16 bytes."""

    @property
    def length(self) -> int:
        """Embeddings, at least 1 and fewer than 65,536."""

    @property
    def positions(self) -> int:
        """The first token behind the chunk has the position of its begin plus these, 1 to ``length``."""

    @property
    def is_causal(self) -> bool:
        """Whether it may be computed in several batches."""

    def position_rows(self, start: int) -> NDArray[np.int32]:
        """The positions of each embedding in a chunk that begins at position ``start``, shape ``(sections, length)``.

        One section, or four with M-RoPE, as llama.cpp's batches want them.
        """


class Projector(Protocol):
    """Turns media into chunks and chunks into embeddings.

    One thread at a time calls ``chunks``, another one ``encode``: a projector that cannot do both at a time has a lock,
    which ``encode`` gives up often. A model closes its projector when it is closed itself.
    """

    @property
    def media(self) -> tuple[MediaKind, ...]:
        """What it takes."""

    @property
    def sample_rate(self) -> int:
        """Of the recordings that it hears, in samples per second; 0 if it hears nothing."""

    def chunks(self, medium: DecodedMedium) -> list[list[int] | MediaChunk]:
        """The chunks of one medium, in order, and the tokens around and between them, which the model was trained with.

        Raises:
            JobError: 400, the model cannot take it.
        """

    def encode(self, chunk: MediaChunk, go_on: Callable[[], bool]) -> Embeddings | None:
        """Compute a chunk.

        Args:
            chunk: one of this projector.
            go_on: called in this thread between nodes of the graph, often; it may wait. False stops the computation.

        Returns:
            The embeddings, or None if it was stopped.

        Raises:
            Exception: it failed; the next chunk may succeed.
        """

    def close(self) -> None:
        """Free it."""


@runtime_checkable
class SeeingModel(TextModel, Protocol):
    """A text model that may have a projector."""

    @property
    def projector(self) -> Projector | None:
        """None if it takes text only."""


@runtime_checkable
class MediaDecoder(BatchDecoder, Protocol):
    """A decoder that computes embeddings too. The tokens of its batches are at their positions, which are no cells."""

    def decode_embeddings(
        self, sequence_id: int, embeddings: Embeddings, positions: NDArray[np.int32], wants_logits: bool, causal: bool
    ) -> NDArray[np.float32]:
        """Compute embeddings of one sequence, as :meth:`decode` computes tokens.

        Args:
            sequence_id: of the cache, as in :class:`~workers.text.model.BatchSlice`.
            embeddings: consecutive ones of a chunk, shape ``(n, width)``: at most ``batch_tokens``, or all of it unless
                ``causal``, whatever the projector's largest chunk is.
            positions: of each, shape ``(sections, n)``.
            wants_logits: whether the logits behind the last one are wanted.
            causal: whether each attends only to those before it.

        Returns:
            Logits, shape ``(1, vocabulary)`` or ``(0, vocabulary)``, valid like those of :meth:`decode`.

        Raises:
            NoRoom: nothing was computed.
        """
