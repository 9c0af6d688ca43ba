"""Answers of ``/v1/completions``: OpenAI's ``text_completion``, whole or in chunks."""

from __future__ import annotations

from typing import Any

from router.answers.choices import CollectedChoice
from router.answers.submission import SubmittedRequest
from router.api.text.dialect import Dialect
from router.api.text.logprobs import completion_logprobs
from router.api.text.rendering import Rendering
from router.api.text.text_object import TextChunks, head, whole_object
from router.http.json_text import json_text
from router.schemas.text.completions import CompletionRequest
from shared.wire.payloads import Done, Payload, Tokens


def whole_completion(
    request: CompletionRequest, submitted: SubmittedRequest, choices: list[CollectedChoice]
) -> dict[str, Any]:
    """The whole answer. ``result`` is the native name of the first choice's text."""
    alternatives = request.alternatives()
    objects = [
        {
            "text": choice.text,
            "index": index,
            "logprobs": None if alternatives is None else completion_logprobs(choice.logprobs, alternatives),
            "finish_reason": choice.finish_reason,
        }
        for index, choice in enumerate(choices)
    ]
    whole = whole_object(submitted, head(submitted, "cmpl", "text_completion"), objects)
    return {**whole, "result": choices[0].text}


class CompletionChunks(TextChunks):
    """Writes ``text_completion`` chunks. Everything but the text is formatted once per choice."""

    def __init__(self, rendering: Rendering, submitted: SubmittedRequest) -> None:
        super().__init__(head(submitted, "cmpl", "text_completion"), rendering.include_usage)
        self._alternatives = rendering.alternatives
        self._text_prefix = f'data: {self._head},"choices":[{{"text":'
        self._choice_prefixes = [f',"index":{choice},"logprobs":' for choice in range(len(submitted.jobs))]
        self._plain_suffixes = [f'{prefix}null,"finish_reason":null}}]{self._tail}' for prefix in self._choice_prefixes]
        self._finish_prefix = ',"finish_reason":'
        self._finish_suffix = f"}}]{self._tail}"

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """A chunk for each step with text, and one for the end."""
        chunks = []
        for payload in payloads:
            if isinstance(payload, Tokens):
                if payload.logprobs and self._alternatives is not None:
                    logprobs = json_text(completion_logprobs(payload.logprobs, self._alternatives))
                    chunks.append(self._chunk(choice, payload.text, logprobs, "null"))
                elif payload.text:
                    chunks.append(f"{self._text_prefix}{json_text(payload.text)}{self._plain_suffixes[choice]}")
            elif isinstance(payload, Done):
                chunks.append(self._chunk(choice, "", "null", json_text(payload.finish_reason.value)))
        return chunks

    def _chunk(self, choice: int, text: str, logprobs: str, finish_reason: str) -> str:
        return (
            f"{self._text_prefix}{json_text(text)}{self._choice_prefixes[choice]}{logprobs}"
            f"{self._finish_prefix}{finish_reason}{self._finish_suffix}"
        )


COMPLETION = Dialect(whole_completion, Rendering.of, Rendering, CompletionChunks)
