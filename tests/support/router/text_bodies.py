"""Bodies of text requests, the jobs that they become, and the errors of bad ones."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from router.http.error_handlers import validation_error
from router.schemas.errors import ApiError
from router.schemas.text.chat import ChatRequest
from router.schemas.text.completions import CompletionRequest
from shared.wire.jobs import TextJob

PROMPT = {"prompt": "Tell me a story"}
CHAT = {"messages": [{"role": "user", "content": "Extract Jason is 25 years old"}]}
TOOL = {"type": "function", "function": {"name": "UserDetail"}}


def refusal(model: type[CompletionRequest] | type[ChatRequest], body: dict[str, Any]) -> ApiError:
    """The error that a body is answered with."""
    try:
        model.model_validate(body).to_jobs()
    except ApiError as error:
        return error
    except ValidationError as error:
        return validation_error([{**found, "loc": ("body", *found["loc"])} for found in error.errors()])
    raise AssertionError(f"{body} was accepted")


def completion(**parameters: Any) -> list[TextJob]:
    return CompletionRequest.model_validate({**PROMPT, **parameters}).to_jobs()


def chat(**parameters: Any) -> list[TextJob]:
    return ChatRequest.model_validate({**CHAT, **parameters}).to_jobs()
