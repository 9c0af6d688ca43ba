"""The engine of text models that give vectors or scores too: two engines over the same weights."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from shared.wire.jobs import EmbedJob, RerankJob
from shared.wire.messages import EngineStats
from workers.embedding.encoder import Encoder
from workers.embedding.gguf.loading import make_encoder
from workers.embedding.gguf.options import EmbeddingOptions
from workers.engine import Emitted, EngineInfo, EngineJob
from workers.llama.engine import LlamaEngine


class TextAndEmbeddingEngine:
    """Gives text jobs to the text engine and the others to an encoder, which has a context of its own.

    They take turns: a step of each, so that a long batch of inputs delays the tokens of running answers by one step.
    """

    def __init__(self, text: LlamaEngine, options: EmbeddingOptions) -> None:
        self._text = text
        self._options = options
        self._encoder: Encoder | None = None

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        info = self._text.load(report)
        self._encoder, _ = make_encoder(self._text.model, self._options)
        return info

    def submit(self, job: EngineJob) -> list[Emitted]:
        if not isinstance(job.work, EmbedJob | RerankJob):
            return self._text.submit(job)
        self._loaded.submit(job)
        return []

    def cancel(self, job_id: str) -> None:
        self._text.cancel(job_id)
        self._loaded.cancel(job_id)

    def has_work(self) -> bool:
        return self._text.has_work() or self._loaded.has_work()

    def step(self) -> list[Emitted]:
        emitted: list[Emitted] = []
        has_text = self._text.has_work()
        if has_text:
            emitted = self._text.step()
        if self._loaded.has_work():
            emitted += self._loaded.step(may_wait=not has_text)
        return emitted

    def stats(self) -> EngineStats:
        text, other = self._text.stats(), self._loaded.stats()
        return replace(
            text,
            running=text.running + other.running,
            waiting=text.waiting + other.waiting,
            prompt_tokens=text.prompt_tokens + other.prompt_tokens,
            steps=text.steps + other.steps,
        )

    def close(self) -> None:
        if self._encoder is not None:
            self._encoder.close()
        self._text.close()
        self._encoder = None

    @property
    def _loaded(self) -> Encoder:
        assert self._encoder is not None
        return self._encoder
