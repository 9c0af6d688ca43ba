"""The common parts of OpenAI's chat and completion objects: head, choices, usage."""

from __future__ import annotations

from typing import Any

from router.answers.event_stream import DONE_EVENT, EventWriter
from router.answers.submission import SubmittedRequest
from router.http.json_text import json_text
from router.jobs.consumption import Consumption


def head(submitted: SubmittedRequest, id_prefix: str, kind: str) -> dict[str, Any]:
    """The first fields of each object of an answer; ``kind`` is OpenAI's ``object``."""
    return {
        "id": f"{id_prefix}-{submitted.record.answer_id}",
        "object": kind,
        "created": submitted.created,
        "model": submitted.model,
    }


def whole_object(submitted: SubmittedRequest, head: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    """A whole answer."""
    return {**head, "choices": choices, "usage": _usage(submitted.consumed)}


class TextChunks(EventWriter):
    """Base of the chunk writers. Every chunk begins with the fields in ``head``.

    ``_head`` is their JSON without the closing brace; ``_tail`` ends each chunk.
    """

    def __init__(self, head: dict[str, Any], include_usage: bool) -> None:
        self._include_usage = include_usage
        self._head = json_text(head)[:-1]
        self._tail = ',"usage":null}\n\n' if include_usage else "}\n\n"

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """The token counts, if requested, and the end."""
        if not self._include_usage:
            return [DONE_EVENT]
        usage = json_text(_usage(submitted.consumed))
        return [f'data: {self._head},"choices":[],"usage":{usage}}}\n\n', DONE_EVENT]


def _usage(consumed: Consumption) -> dict[str, Any]:
    """OpenAI's token counts; those of a prediction only if one was tried."""
    accepted, rejected = consumed.predicted_tokens, consumed.mispredicted_tokens
    tried = {"accepted_prediction_tokens": accepted, "rejected_prediction_tokens": rejected}
    predicted = tried if accepted or rejected else {}
    return {
        "prompt_tokens": consumed.prompt_tokens,
        "completion_tokens": consumed.completion_tokens,
        "total_tokens": consumed.prompt_tokens + consumed.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": consumed.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": consumed.reasoning_tokens, **predicted},
    }
