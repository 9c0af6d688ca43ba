"""The pictures and recordings of a model's chats, as the engine computes them: its encoder, and what comes of that."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, ExitStack
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from shared.distribution import how_to_install
from shared.wire.jobs import MediaKind
from shared.wire.payloads import Failed
from workers.text.media.encoder import MediaEncoder
from workers.text.media.projector import MediaDecoder, Projector, SeeingModel
from workers.text.media.turns import ComputingTurns
from workers.text.model import BatchDecoder, TextModel
from workers.text.scheduling.media_turns import MediaTurns
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.sequence import Sequence

log = logging.getLogger("nexa.text")

DECODERS: dict[MediaKind, str] = {"image": "PIL", "audio": "av"}
"""The module that decodes the files of each kind."""

EXTRA = "media"
"""Has the packages of these modules."""


class MediaComputing:
    """Encodes what sequences want, beside the steps of the decoder, and puts embeddings into it."""

    def __init__(self, projector: Projector) -> None:
        self.projector = projector
        self._turns = ComputingTurns()
        self.encoder = MediaEncoder(projector, self._turns)

    def step(self, scheduled: list[ScheduledTokens]) -> AbstractContextManager[None]:
        """Within the block, the decoder computes, and the encoder waits."""
        return self._turns.step(is_for_streams=scheduled[0].span is None)

    def decode(self, decoder: BatchDecoder, part: ScheduledTokens) -> NDArray[np.float32]:
        """Compute the embeddings of a step, whose cells are reserved; returns their logits as decoders do.

        Raises:
            NoRoom: nothing was computed.
        """
        assert isinstance(decoder, MediaDecoder)
        span, sequence = part.span, part.sequence
        assert span is not None
        embeddings = self.encoder.embeddings(span.chunk, sequence.media_owner)
        assert embeddings is not None
        first = sequence.computed - span.start
        positions = span.chunk.position_rows(sequence.position(span.start))[:, first : first + part.length]
        return decoder.decode_embeddings(
            sequence.cache_id,
            np.ascontiguousarray(embeddings[first : first + part.length]),
            np.ascontiguousarray(positions, np.int32),
            part.wants_logits,
            span.chunk.is_causal,
        )

    def failed(self, turns: MediaTurns) -> list[tuple[Sequence, Failed]]:
        """The sequences that cannot go on, as a medium of theirs cannot be encoded."""
        found: dict[Sequence, Failed] = {}
        failures = self.encoder.failures()
        for sequence, span in turns.waiting() if failures else []:
            reason = failures.get((sequence.media_owner, span.chunk.key))
            if reason is not None:
                failed = Failed(500, f"{span.field}: {reason}", span.field, "media_failed")
                found.setdefault(sequence, failed)
        return list(found.items())

    def wait(self, timeout_s: float) -> None:
        """Wait until something is encoded, unless there is nothing to encode."""
        self.encoder.wait(timeout_s)


def open_media(model: TextModel, decoder: BatchDecoder, resources: ExitStack) -> MediaComputing | None:
    """Start the encoder of a model that has a projector; it ends with ``resources``. None without one."""
    if not isinstance(model, SeeingModel) or model.projector is None or not isinstance(decoder, MediaDecoder):
        return None
    media = MediaComputing(model.projector)
    resources.callback(media.encoder.close)
    media.encoder.start()
    return media


def taken_media(projector: Projector | None) -> tuple[MediaKind, ...]:
    """What of a projector's media can be decoded here."""
    taken: list[MediaKind] = []
    for kind in () if projector is None else projector.media:
        if find_spec(DECODERS[kind]) is None:
            missing = "a model that takes %s needs a package to decode it: %s; until then it takes none"
            log.warning(missing, kind, how_to_install(EXTRA))
        else:
            taken.append(kind)
    return tuple(taken)
