"""Anthropic's error object, for the documentation of the API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from router.schemas.errors import GENERATION_ERRORS


class MessageErrorDetail(BaseModel):
    """``message`` says which field is wrong, what was expected and what was given."""

    type: str
    message: str


class MessageErrorObject(BaseModel):
    """Anthropic's error object."""

    type: Literal["error"]
    error: MessageErrorDetail
    request_id: str


MESSAGE_ERRORS: dict[int | str, dict[str, Any]] = {
    **{status: {**documented, "model": MessageErrorObject} for status, documented in GENERATION_ERRORS.items()},
    529: {"model": MessageErrorObject, "description": "The queue is full; `Retry-After` says when to try again."},
}
