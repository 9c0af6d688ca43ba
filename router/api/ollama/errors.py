"""Errors as Ollama writes them: ``{"error": "..."}``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from router.schemas.errors import ApiError


class OllamaError(BaseModel):
    """Ollama's error object: the message says which field is wrong, what was expected and what was given."""

    error: str


def write_ollama_error(error: ApiError, scope: Scope) -> Response:
    """The response for an error."""
    return JSONResponse({"error": str(error)}, error.status, error.headers)


OLLAMA_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": OllamaError, "description": "The request is invalid."},
    401: {"model": OllamaError, "description": "The API key is missing or wrong."},
    404: {"model": OllamaError, "description": "The model is not served."},
    "default": {"model": OllamaError, "description": "Any other error."},
}
