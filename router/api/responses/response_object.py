"""OpenAI's ``response`` object."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from router.answers.submission import SubmittedRequest
from router.api.responses.errors import in_own_words
from router.api.responses.output import OutputForm
from router.http.error_handlers import CLIENT_CLOSED_REQUEST
from router.jobs.consumption import Consumption
from router.schemas.errors import ApiError
from router.schemas.responses.ids import response_id
from router.schemas.responses.items import Item
from router.schemas.responses.request import WITH_ENCRYPTED_THOUGHTS, ResponsesRequest
from shared.wire.codec import Struct
from shared.wire.payloads import FinishReason

QUEUED, RUNNING, CANCELLED, FAILED = "queued", "in_progress", "cancelled", "failed"

ResponseObject = dict[str, Any]


class ResponseRendering(Struct, frozen=True):
    """How a response is written: ``echo`` is JSON of what it repeats of its request."""

    echo: bytes
    form: OutputForm
    background: bool = False

    @classmethod
    def of(cls, body: ResponsesRequest) -> ResponseRendering:
        """The rendering that a body asks for."""
        form = OutputForm(
            summary=body.reasoning.wants_summary,
            encrypted=WITH_ENCRYPTED_THOUGHTS in body.include,
            logprobs=body.alternatives is not None,
            custom_tools=body.custom_tools,
        )
        return cls(msgspec.json.encode(_echo(body)), form, body.background)


class ResponseHead:
    """Makes the objects of one response."""

    def __init__(self, rendering: ResponseRendering, submitted: SubmittedRequest) -> None:
        self._head = {
            "id": response_id(submitted.record.answer_id),
            "object": "response",
            "created_at": submitted.created,
            "background": rendering.background,
            "model": submitted.model,
        }
        self._echo = msgspec.json.decode(rendering.echo)

    def running(self, status: str) -> ResponseObject:
        """A response that is queued or being generated."""
        return self._with(status, [], None)

    def done(self, output: list[Item], consumed: Consumption, reason: FinishReason | None) -> ResponseObject:
        """A response that has ended as the model wanted, or at the limit of its tokens."""
        cut_off = reason is FinishReason.LENGTH
        response = self._with("incomplete" if cut_off else "completed", output, _usage(consumed))
        if cut_off:
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            response["completed_at"] = int(time.time())
        return response

    def failed(self, output: list[Item], error: ApiError) -> ResponseObject:
        """A response that has failed or was cancelled."""
        if error.status == CLIENT_CLOSED_REQUEST:
            return self._with(CANCELLED, output, None)
        response = self._with(FAILED, output, None)
        response["error"] = {"code": error_code(error), "message": str(in_own_words(error))}
        return response

    def _with(self, status: str, output: list[Item], usage: dict[str, Any] | None) -> ResponseObject:
        ending = {"completed_at": None, "error": None, "incomplete_details": None}
        return {**self._head, "status": status, **ending, **self._echo, "output": output, "usage": usage}


def error_code(error: ApiError) -> str:
    """The code of an error in a response, in OpenAI's words where it has one."""
    if error.status >= 500:
        return "server_error"
    return "rate_limit_exceeded" if error.status == 429 else error.code or "invalid_prompt"


def _echo(body: ResponsesRequest) -> dict[str, Any]:
    """What a response repeats of its request. Tools that are ignored are left out."""
    text = body.text.model_dump(by_alias=True, exclude_none=True)
    return {
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "metadata": body.metadata,
        "parallel_tool_calls": body.parallel_tool_calls,
        "previous_response_id": body.previous_response_id,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {
            "effort": body.reasoning.effort or body.reasoning_effort,
            "summary": body.reasoning.summary or body.reasoning.generate_summary,
        },
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": body.store,
        "temperature": body.temperature,
        "text": text,
        "tool_choice": body.tool_choice,
        "tools": [tool.shown() for tool in body.tools if tool.is_called],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": body.top_p,
        "truncation": body.truncation,
        "user": body.user,
    }


def _usage(consumed: Consumption) -> dict[str, Any]:
    """Tokens, in the words of this API. What of the prompt was not cached is now."""
    return {
        "input_tokens": consumed.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": consumed.cached_tokens,
            "cache_write_tokens": consumed.prompt_tokens - consumed.cached_tokens,
        },
        "output_tokens": consumed.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": consumed.reasoning_tokens},
        "total_tokens": consumed.prompt_tokens + consumed.completion_tokens,
    }
