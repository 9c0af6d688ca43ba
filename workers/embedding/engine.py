"""The engine of models that give only vectors or scores."""

from __future__ import annotations

from collections.abc import Callable

from shared.wire.messages import EngineStats
from workers.embedding.encoder import Encoder
from workers.embedding.loading import make_encoder
from workers.embedding.options import EmbeddingOptions
from workers.engine import Emitted, EngineInfo, EngineJob
from workers.llama.native.model import LlamaModel

SLOTS = 64
"""Jobs that a worker has at once, at least. They cost only their tokens: the memory is that of one batch."""


class EmbeddingEngine:
    """Serves the jobs of one embedding model or reranker."""

    def __init__(self, options: EmbeddingOptions, slots: int = SLOTS) -> None:
        self._options = options
        self._slots = slots
        self._model: LlamaModel | None = None
        self._encoder: Encoder | None = None

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        options = self._options
        self._model = LlamaModel(options.path, options.gpu_layers, lambda fraction: report(0.95 * fraction))
        self._encoder, limit = make_encoder(self._model, options)
        report(1.0)
        return EngineInfo(slots=self._slots, context_tokens=limit, device=None if self._model.on_gpu else "cpu")

    def submit(self, job: EngineJob) -> list[Emitted]:
        self._loaded.submit(job)
        return []

    def cancel(self, job_id: str) -> None:
        self._loaded.cancel(job_id)

    def has_work(self) -> bool:
        return self._loaded.has_work()

    def step(self) -> list[Emitted]:
        return self._loaded.step()

    def stats(self) -> EngineStats:
        return self._loaded.stats()

    def close(self) -> None:
        if self._encoder is not None:
            self._encoder.close()
        if self._model is not None:
            self._model.close()
        self._encoder = self._model = None

    @property
    def _loaded(self) -> Encoder:
        assert self._encoder is not None
        return self._encoder
