"""The bodies of ``POST /api/embed`` and ``POST /api/embeddings``."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, PrivateAttr, field_validator

from router.schemas.base import RequestModel
from router.schemas.embeddings.embeddings import MAX_DIMENSIONS, MAX_INPUTS
from router.schemas.ollama.keep_alive import KeepAlive, kept_notes
from router.schemas.ollama.options import OllamaOptions
from router.schemas.scheduling import SchedulingFields
from shared.wire.jobs import EmbedJob, Truncation


class _Embedding(RequestModel, SchedulingFields):
    model: str | None = Field(None, max_length=256, description="The first served embedding model if absent.")
    options: OllamaOptions = OllamaOptions()
    keep_alive: KeepAlive | None = None

    _context_tokens: int = PrivateAttr(0)
    _on_demand: bool = PrivateAttr(False)

    def settle(self, context_tokens: int, on_demand: bool = False) -> None:
        """Take over the context of the served model, 0 if it is not known, and whether it is loaded on demand."""
        self._context_tokens, self._on_demand = context_tokens, on_demand

    @property
    def notes(self) -> list[str]:
        """What the request asks for and will not get."""
        return [*self.options.notes(self._context_tokens), *kept_notes(self.keep_alive, self._on_demand)]


class OllamaEmbedRequest(_Embedding):
    """Texts to turn into vectors. Without any, the model is only loaded."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["A cat sleeps.", "A dog barks."]}]})

    input: str | list[str] = Field([], description=f"A text, or up to {MAX_INPUTS} of them.")
    truncate: bool = Field(True, description="Cut the end of texts that are too long; false: they are a 400.")
    dimensions: int | None = Field(None, le=MAX_DIMENSIONS, description="Cut the vectors to this length; 0: do not.")

    @field_validator("input", mode="before")
    @classmethod
    def _known_input(cls, given: Any) -> Any:
        if not isinstance(given, str) and not (
            isinstance(given, list) and all(isinstance(text, str) for text in given)
        ):
            raise ValueError("expected a string or a list of strings")
        if len(given) > MAX_INPUTS and isinstance(given, list):
            raise ValueError(f"expected at most {MAX_INPUTS} inputs, got {len(given)}")
        return given

    def to_job(self) -> EmbedJob | None:
        """The job; None if there is nothing to do."""
        if not self.input:
            return None
        texts: list[str | list[int]] = [self.input] if isinstance(self.input, str) else [*self.input]
        dimensions = self.dimensions if self.dimensions and self.dimensions > 0 else None
        return EmbedJob(texts, dimensions, Truncation.END if self.truncate else Truncation.NONE)


class OllamaEmbeddingsRequest(_Embedding):
    """Ollama's older form: one text. Without it, the model is only loaded."""

    prompt: str = ""

    def to_job(self) -> EmbedJob | None:
        """The job; None if there is nothing to do."""
        return EmbedJob([self.prompt], None, Truncation.END) if self.prompt else None
