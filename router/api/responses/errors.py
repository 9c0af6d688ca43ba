"""Errors of workers, which know chats, in the words of responses."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from router.schemas.errors import ApiError

_OWN_FIELDS = {"messages": "input", "max_tokens": "max_output_tokens"}


def in_own_words(error: ApiError) -> ApiError:
    """The error, with this API's name of the field at fault."""
    own = _OWN_FIELDS.get(error.param or "")
    if own is None:
        return error
    message = str(error).replace(f"{error.param}: ", f"{own}: ")
    return ApiError(error.status, message, own, error.code, error.headers)


def write_response_error(error: ApiError, scope: Scope) -> Response:
    """OpenAI's error object."""
    return JSONResponse(in_own_words(error).body(), error.status, error.headers)
