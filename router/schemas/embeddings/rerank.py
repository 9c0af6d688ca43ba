"""The body of ``POST /v1/rerank``, in the words of Cohere and of Jina."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, SkipValidation, field_validator

from router.schemas.base import RequestModel
from router.schemas.embeddings.truncation import TruncateField
from router.schemas.scheduling import SchedulingFields
from shared.wire.jobs import RerankJob, Truncation

MAX_DOCUMENTS = 1000
"""Of one request, as Cohere advises."""

_TEXT = 'a string or an object with "text"'


class RerankRequest(RequestModel, SchedulingFields):
    """A query, and documents to sort by how well they answer it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "Which animals bark?", "documents": ["A cat sleeps.", "A dog barks."], "top_n": 1}]
        }
    )

    model: str | None = Field(None, max_length=256, description="The first served model of this kind if absent.")
    query: str
    # Checked below: each is a text or an object with one.
    documents: Annotated[list[str | dict[str, Any]], SkipValidation] = Field(
        description=f"Up to {MAX_DOCUMENTS} texts, each a string or an object with `text`."
    )
    top_n: int | None = Field(None, ge=1, description="Answer only with so many of the best.")
    return_documents: bool = Field(False, description="Repeat the documents' texts in the answer.")
    truncate: TruncateField = Truncation.NONE
    max_tokens_per_doc: int | None = Field(None, ge=1, description="Of each document, use only the first tokens.")

    @field_validator("query", mode="before")
    @classmethod
    def _query_text(cls, given: Any) -> Any:
        return _text(given)

    @field_validator("documents", mode="before")
    @classmethod
    def _document_texts(cls, given: Any) -> Any:
        if not isinstance(given, list) or not given:
            raise ValueError(f"expected a non-empty list, each item {_TEXT}")
        if len(given) > MAX_DOCUMENTS:
            raise ValueError(f"expected at most {MAX_DOCUMENTS} documents, got {len(given)}")
        return [_text(one) for one in given]

    @property
    def texts(self) -> list[str]:
        """The documents' texts."""
        return [document for document in self.documents if isinstance(document, str)]

    def to_job(self) -> RerankJob:
        """The job for a worker."""
        return RerankJob(self.query, self.texts, self.truncate, self.max_tokens_per_doc)


def _text(given: Any) -> str:
    text = given.get("text") if isinstance(given, dict) else given
    if not isinstance(text, str):
        raise ValueError(f"expected {_TEXT}")
    return text
