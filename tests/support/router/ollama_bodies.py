"""Bodies of Ollama's requests, the jobs that they become, and the errors of bad ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from router.http.error_handlers import validation_error
from router.schemas.errors import ApiError
from router.schemas.ollama.chat import OllamaChatRequest
from router.schemas.ollama.generate import OllamaGenerateRequest
from shared.wire.jobs import TextJob

QUESTION = {"role": "user", "content": "Why is the sky blue?"}


def ollama_text(**fields: Any) -> OllamaGenerateRequest:
    """The body of ``/api/generate``."""
    return OllamaGenerateRequest.model_validate({"prompt": "Why is the sky blue?", **fields})


def ollama_chat(**fields: Any) -> OllamaChatRequest:
    """The body of ``/api/chat``."""
    return OllamaChatRequest.model_validate({"messages": [QUESTION], **fields})


def text_job(**fields: Any) -> TextJob:
    (job,) = ollama_text(**fields).to_jobs()
    return job


def chat_job(**fields: Any) -> TextJob:
    (job,) = ollama_chat(**fields).to_jobs()
    return job


def ollama_text_refusal(**fields: Any) -> ApiError:
    """The error that a body of ``/api/generate`` is answered with."""
    return _refusal(text_job, fields)


def ollama_chat_refusal(**fields: Any) -> ApiError:
    """The error that a body of ``/api/chat`` is answered with."""
    return _refusal(chat_job, fields)


def _refusal(job_of: Callable[..., TextJob], fields: dict[str, Any]) -> ApiError:
    try:
        job_of(**fields)
    except ApiError as error:
        return error
    except ValidationError as error:
        return validation_error([{**found, "loc": ("body", *found["loc"])} for found in error.errors()])
    raise AssertionError(f"{fields} was accepted")
