"""The right answers: computed for the echo engine, recorded before any fault for a model.

A model's greedy text may differ from the recorded one without a fault: a batch of another shape adds the same products
in another order, and of two nearly equally likely tokens the other one may win. The recorded probabilities tell this
from a fault: the first token that differs must have been one of the best candidates, within :data:`NEAR_TIE` of the
chosen token. A lost, repeated or reordered token rarely is. The load before any fault shows how far arithmetic alone
goes: the table holds the largest margin before and after.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from scripts.chaos.answer import Answer

NEAR_TIE = 1.0
"""The largest accepted difference of log-probabilities.

Other batch shapes move candidates of the embedded 4-bit model by up to 0.51 (standard deviation 0.14); loads without
faults have shown up to 0.43. Of a thousand texts with a lost or repeated token, about twenty would be accepted
(``python -m scripts.chaos.arithmetic``).
"""

SUBJECTS = ("the fox", "the sea", "a clock", "the baker", "winter", "a small ship", "the king", "music")


@dataclass(frozen=True, slots=True)
class Task:
    """A request's body without ``stream``, and its name in reports."""

    name: str
    body: dict[str, Any]


class Answers(Protocol):
    """What clients ask for, and the right answers."""

    def task(self, name: str, chooser: random.Random) -> Task:
        """A request to send, drawn with ``chooser``."""

    def problem(self, task: Task, answer: Answer) -> str:
        """What is wrong with an answer; empty if it is right."""


class EchoAnswers:
    """The echo engine repeats the words of the prompt up to ``max_tokens``."""

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        """Does nothing: the answers follow from the requests."""

    def task(self, name: str, chooser: random.Random) -> Task:
        words = [name, *(f"w{chooser.randrange(10_000)}" for _ in range(chooser.randrange(3, 30)))]
        body = {"model": "echo", "prompt": " ".join(words), "max_tokens": chooser.randrange(5, 120), "temperature": 0}
        return Task(name, body)

    def problem(self, task: Task, answer: Answer) -> str:
        words, count = task.body["prompt"].split(), task.body["max_tokens"]
        expected = "".join(f"{words[index % len(words)]} " for index in range(count))
        return _unfinished(answer, count) or _different(expected, answer.text)


def greedy_requests() -> list[tuple[str, int]]:
    """The requests to a model: prompts, and their numbers of tokens."""
    beginnings = ("Here is a list of facts about {}:\n1.", "Once upon a time, {}")
    return [(beginnings[number % 2].format(subject), 24 + 12 * number) for number, subject in enumerate(SUBJECTS)]


@dataclass(frozen=True, slots=True)
class ReferenceText:
    """A text recorded before any fault, its tokens, and the log-probabilities of the best candidates at each token."""

    text: str
    tokens: list[str]
    candidates: list[dict[str, float]]


@dataclass(slots=True)
class ModelAnswers:
    """Greedy continuations of a few prompts, recorded before any fault."""

    model: str
    margins: list[float] = field(default_factory=list)
    _references: dict[str, ReferenceText] = field(default_factory=dict)
    _bodies: list[dict[str, Any]] = field(default_factory=list)

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        """Record every text, one request at a time."""
        for prompt, count in greedy_requests():
            body = {
                "model": self.model,
                "prompt": prompt,
                "max_tokens": count,
                "temperature": 0,
                "ignore_eos": True,
            }
            self._bodies.append(body)
            async with session.post(f"{url}/v1/completions", json={**body, "logprobs": 5}) as response:
                answer = await response.json()
            choice = answer["choices"][0]
            tokens = choice["logprobs"]["tokens"]
            candidates = choice["logprobs"]["top_logprobs"]
            self._references[prompt] = ReferenceText(choice["text"], tokens, candidates)
        await asyncio.sleep(0)

    def task(self, name: str, chooser: random.Random) -> Task:
        return Task(name, chooser.choice(self._bodies))

    def problem(self, task: Task, answer: Answer) -> str:
        reference = self._references[task.body["prompt"]]
        unfinished = _unfinished(answer, task.body["max_tokens"])
        if unfinished or answer.text == reference.text:
            return unfinished
        margin = margin_at_difference(reference, answer.text)
        if margin > NEAR_TIE:
            return f"{_different(reference.text, answer.text)}; this token was less likely by {margin:.2f}"
        self.margins.append(margin)
        return ""


def _unfinished(answer: Answer, tokens: int) -> str:
    if answer.status != 200 or answer.error:
        return f"status {answer.status}: {answer.error}"
    if not answer.ended or answer.finish_reasons != 1:
        return f"expected one finish reason and [DONE], got {answer.finish_reasons} and {answer.ended}"
    counted = answer.completion_tokens
    return "" if counted == tokens else f"expected {tokens} tokens in usage, got {counted}"


def _different(expected: str, text: str) -> str:
    if text == expected:
        return ""
    at = _first_difference(expected, text)
    return f"at character {at}: expected {expected[at : at + 40]!r}, got {text[at : at + 40]!r}"


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def margin_at_difference(reference: ReferenceText, text: str) -> float:
    """How much likelier the recorded token was than the one in its place; infinite if that was no close candidate.

    The first character that differs may belong to the next token, because one token can be the beginning of another.
    """
    at, begin = _first_difference(reference.text, text), 0
    margin = float("inf")
    for token, candidates in zip(reference.tokens, reference.candidates, strict=True):
        if begin <= at <= begin + len(token):
            others = [value for other, value in candidates.items() if other != token and text.startswith(other, begin)]
            margin = min(margin, candidates[token] - max(others, default=float("-inf")))
        begin += len(token)
    return margin
