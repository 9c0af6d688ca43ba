"""Errors as Automatic1111 writes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from router.api.a1111.translating import in_clients_words
from router.schemas.errors import ApiError


class A1111Error(BaseModel):
    """Automatic1111's error object."""

    error: str = Field(description="What kind of error it is.")
    detail: str = Field(description="Which field is wrong, what was expected and what was given.")
    body: str = ""
    errors: str = Field(description="As detail.")


def write_a1111_error(error: ApiError, scope: Scope) -> Response:
    """The response for an error, with the client's name of the field at fault."""
    told = in_clients_words(error)
    kind = str(told.body()["error"]["type"])
    written = A1111Error(error=kind, detail=str(told), errors=str(told))
    return JSONResponse(written.model_dump(), told.status, told.headers)


A1111_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": A1111Error, "description": "The request is invalid."},
    401: {"model": A1111Error, "description": "The API key is missing or wrong."},
    404: {"model": A1111Error, "description": "The model is not served."},
    "default": {"model": A1111Error, "description": "Any other error."},
}
