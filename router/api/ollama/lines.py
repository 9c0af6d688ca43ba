"""What the answers of ``/api/chat`` and ``/api/generate`` have in common: model, time, durations, calls."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from router.answers.choices import CollectedCall
from router.answers.stream_format import JSON_LINES
from router.answers.submission import SubmittedRequest
from router.api.text.arguments import read_arguments
from router.api.text.logprobs import token_logprob
from router.http.json_text import json_text
from router.schemas.errors import ApiError
from router.schemas.ollama.generation import OllamaGeneration
from shared.wire.call_ids import short_id
from shared.wire.codec import Struct
from shared.wire.payloads import FinishReason, TokenLogprob, Tokens

_NS_PER_S = 1_000_000_000


class OllamaRendering(Struct, frozen=True):
    """What writers of lines read of a body. ``model`` is what the client called it."""

    model: str
    logprobs: bool = False


class OllamaLines:
    """Base of the writers of lines.

    ``_head`` begins each line, up to its time; ``_content`` follows, up to the text; ``_closing`` stands behind text
    and thought.
    """

    stream_format = JSON_LINES
    _content: str
    _closing = ""

    def __init__(self, rendering: OllamaRendering, submitted: SubmittedRequest) -> None:
        self._model = rendering.model
        self._head = f'{{"model":{json_text(rendering.model)},"created_at":"'
        self._with_logprobs = rendering.logprobs

    def opening(self) -> list[str]:
        """There are no lines before the first event."""
        return []

    def failure(self, error: ApiError) -> list[str]:
        """A line with the error, which ends the stream."""
        return [f"{json_text({'error': str(error)})}\n"]

    def _start(self) -> str:
        """The beginning of a line that is written now, up to its text."""
        return f"{self._head}{now_text()}{self._content}"

    def _text_lines(self, start: str, tokens: Tokens) -> list[str]:
        """The line of a step's text and thought, if it has any."""
        logprobs = self._logprobs(tokens)
        if not (tokens.text or tokens.reasoning or logprobs):
            return []
        thought = f',"thinking":{json_text(tokens.reasoning)}' if tokens.reasoning else ""
        return [f'{start}{json_text(tokens.text)}{thought}{self._closing}{logprobs},"done":false}}\n']

    def _logprobs(self, tokens: Tokens) -> str:
        """The log probabilities of a step as a further field of its line."""
        if not self._with_logprobs or not tokens.logprobs:
            return ""
        return f',"logprobs":{json_text(ollama_logprobs(tokens.logprobs))}'


class OpenCalls:
    """Puts the parts of tool calls together: Ollama's clients get whole calls."""

    def __init__(self, answer_id: str) -> None:
        self._answer_id = answer_id
        self._open: dict[int, CollectedCall] = {}

    def add(self, tokens: Tokens) -> list[dict[str, Any]]:
        """Take the parts of a step; returns the calls that are complete since another has begun."""
        complete = []
        for delta in tokens.tool_calls:
            if delta.index not in self._open:
                complete += self.close()
            call = self._open.setdefault(delta.index, CollectedCall(""))
            call.name += delta.name or ""
            call.arguments += delta.arguments
        return complete

    def close(self) -> list[dict[str, Any]]:
        """The calls that are still open, at the end of the answer."""
        calls = ollama_calls(self._open, self._answer_id)
        self._open = {}
        return calls


def ollama_calls(calls: dict[int, CollectedCall], answer_id: str) -> list[dict[str, Any]]:
    """Calls with their arguments as objects. One that was cut off is left out, as no JSON stands for it."""
    written = []
    for index, call in sorted(calls.items()):
        try:
            arguments = read_arguments(call.arguments)
        except ValueError:
            continue
        function = {"index": index, "name": call.name, "arguments": arguments}
        written.append({"id": f"call_{short_id(f'{answer_id}/0/{index}')}", "function": function})
    return written


def ollama_logprobs(tokens: list[TokenLogprob]) -> list[dict[str, Any]]:
    """Log probabilities, one object per token."""
    written = []
    for token in tokens:
        row = token_logprob(token.text, token.raw, token.logprob)
        if token.top:
            row["top_logprobs"] = [token_logprob(text, raw, logprob) for text, raw, logprob in token.top]
        written.append(row)
    return written


def now_text() -> str:
    """The time as Ollama writes it, in UTC."""
    return f"{datetime.now(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def ending(submitted: SubmittedRequest) -> dict[str, Any]:
    """The last fields of an answer: why it ended, its durations in nanoseconds, and its tokens.

    ``load_duration`` is the time until a worker began: no model is loaded for a request.
    """
    job = submitted.jobs[0]
    done = job.done
    assert done is not None
    end_at_s = job.ended_at_s or time.monotonic()
    first_at_s = job.first_token_at_s or end_at_s
    prompt_s = min(done.ttft_s, first_at_s - job.created_at_s)
    return {
        "done": True,
        "done_reason": "length" if done.finish_reason is FinishReason.LENGTH else "stop",
        "total_duration": _nanoseconds(end_at_s - job.created_at_s),
        "load_duration": _nanoseconds(first_at_s - job.created_at_s - prompt_s),
        "prompt_eval_count": done.prompt_tokens,
        "prompt_eval_duration": _nanoseconds(prompt_s),
        "eval_count": done.completion_tokens,
        "eval_duration": _nanoseconds(end_at_s - first_at_s),
    }


def embedding_ending(submitted: SubmittedRequest) -> dict[str, Any]:
    """The last fields of an answer with vectors."""
    job = submitted.jobs[0]
    end_at_s = job.ended_at_s or time.monotonic()
    return {
        "total_duration": _nanoseconds(end_at_s - job.created_at_s),
        "load_duration": _nanoseconds((job.dispatched_at_s or job.created_at_s) - job.created_at_s),
        "prompt_eval_count": submitted.consumed.prompt_tokens,
    }


def loaded(body: OllamaGeneration, message: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request that only loads or unloads a model; ``message`` has the fields of the endpoint's."""
    reason = "unload" if body.unloads else "load"
    return {"model": body.asked_model, "created_at": now_text(), **message, "done": True, "done_reason": reason}


def _nanoseconds(seconds: float) -> int:
    """At least 1: clients divide by it."""
    return max(1, round(seconds * _NS_PER_S))
