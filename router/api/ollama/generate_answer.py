"""Answers of ``/api/generate``, whole or in lines."""

from __future__ import annotations

from typing import Any

from router.answers.choices import CollectedChoice
from router.answers.submission import SubmittedRequest
from router.api.ollama.lines import OllamaLines, OllamaRendering, ending, now_text, ollama_logprobs
from router.api.text.dialect import Dialect
from router.http.json_text import json_text
from router.schemas.ollama.generate import OllamaGenerateRequest
from shared.wire.payloads import Payload, Tokens


def whole_ollama_text(
    body: OllamaGenerateRequest, submitted: SubmittedRequest, choices: list[CollectedChoice]
) -> dict[str, Any]:
    """The whole answer."""
    choice = choices[0]
    thinking = {"thinking": choice.reasoning} if choice.reasoning else {}
    logprobs = {"logprobs": ollama_logprobs(choice.logprobs)} if body.logprobs and choice.logprobs else {}
    head = {"model": body.asked_model, "created_at": now_text(), "response": choice.text}
    return {**head, **thinking, **logprobs, **ending(submitted), **_context(submitted)}


class OllamaTextLines(OllamaLines):
    """Writes a line for each step with text or a thought, and one for the end."""

    _content = '","response":'

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """The lines for some events."""
        start = self._start()
        return [line for tokens in payloads if isinstance(tokens, Tokens) for line in self._text_lines(start, tokens)]

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """The last line: why the answer ended, what it took, and the context to go on with."""
        last = {"model": self._model, "created_at": now_text(), "response": ""}
        return [f"{json_text({**last, **ending(submitted), **_context(submitted)})}\n"]


def _context(submitted: SubmittedRequest) -> dict[str, Any]:
    """All tokens of the conversation, unless the prompt was raw."""
    job = submitted.jobs[0]
    prompt_ids = job.begun.prompt_ids if job.begun is not None else []
    return {"context": [*prompt_ids, *job.generated]} if prompt_ids else {}


OLLAMA_GENERATE = Dialect(
    write_whole=whole_ollama_text,
    rendering=lambda body: OllamaRendering(body.asked_model, body.logprobs),
    rendering_type=OllamaRendering,
    make_writer=OllamaTextLines,
)
