"""Collects the choices of an answer that is sent in one piece."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.answers.submission import SubmittedRequest
from shared.wire.payloads import Done, TokenLogprob, Tokens


@dataclass(slots=True)
class CollectedCall:
    """A tool call, which begins in the step with this index; ``arguments`` is JSON text."""

    name: str
    arguments: str = ""
    step: int = 0


@dataclass(slots=True)
class CollectedChoice:
    """The output of one choice, step by step: ``texts`` and ``thoughts`` have an element for each of ``steps``."""

    end: Done | None = None
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    calls: dict[int, CollectedCall] = field(default_factory=dict)
    steps: list[Tokens] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The choice's text."""
        return "".join(self.texts)

    @property
    def reasoning(self) -> str:
        """The model's thought."""
        return "".join(self.thoughts)

    @property
    def finish_reason(self) -> str | None:
        """OpenAI's ``finish_reason``."""
        return self.end.finish_reason.value if self.end else None

    def add(self, tokens: Tokens) -> None:
        """Append the output of one step."""
        self.steps.append(tokens)
        self.texts.append(tokens.text)
        self.thoughts.append(tokens.reasoning)
        self.logprobs += tokens.logprobs
        for delta in tokens.tool_calls:
            call = self.calls.setdefault(delta.index, CollectedCall("", step=len(self.texts) - 1))
            call.name += delta.name or ""
            call.arguments += delta.arguments


async def collect(submitted: SubmittedRequest) -> list[CollectedChoice]:
    """Collect all choices until they are done.

    Raises:
        ApiError: a choice failed, or was stopped by its user or by the server.
    """
    choices = [CollectedChoice() for _ in submitted.jobs]
    async for choice, payload in submitted.events():
        if isinstance(payload, Tokens):
            choices[choice].add(payload)
        elif isinstance(payload, Done):
            choices[choice].end = payload
    return choices
