"""The engine of models that give only vectors or scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.wire.messages import EngineStats
from workers.embedding.encoder import Encoder
from workers.engine import Emitted, EngineInfo, EngineJob

SLOTS = 64
"""Jobs that a worker has at once, at least. They cost only their tokens: the memory is that of one batch."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """An encoder, and the longest input in tokens.

    ``device`` is where it runs; None for the device that its worker was given. ``close_model`` frees the model, after
    the encoder.
    """

    encoder: Encoder
    limit: int
    device: str | None
    close_model: Callable[[], None] = _nothing


class EmbeddingEngine:
    """Serves the jobs of one embedding model or reranker, which ``load`` loads, reporting the fraction done."""

    def __init__(self, load: Callable[[Callable[[float], None]], LoadedEncoder], slots: int = SLOTS) -> None:
        self._load = load
        self._slots = slots
        self._loaded: LoadedEncoder | None = None

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        loaded = self._loaded = self._load(lambda fraction: report(0.95 * fraction))
        report(1.0)
        return EngineInfo(slots=self._slots, context_tokens=loaded.limit, device=loaded.device)

    def submit(self, job: EngineJob) -> list[Emitted]:
        self._encoder.submit(job)
        return []

    def cancel(self, job_id: str) -> None:
        self._encoder.cancel(job_id)

    def has_work(self) -> bool:
        return self._encoder.has_work()

    def step(self) -> list[Emitted]:
        return self._encoder.step()

    def stats(self) -> EngineStats:
        return self._encoder.stats()

    def close(self) -> None:
        if self._loaded is not None:
            self._loaded.encoder.close()
            self._loaded.close_model()
        self._loaded = None

    @property
    def _encoder(self) -> Encoder:
        assert self._loaded is not None
        return self._loaded.encoder
