"""Which answer is right: worked out for the echo engine, taken from a calm run for a model.

A model's greedy text may differ from its calm run for a reason that is no fault: a batch of another shape adds up the
same products in another order, and where two tokens are all but equally likely the other one wins. Such a difference
is told from a fault by the calm run's own probabilities: the first token that differs must have been one of its best
candidates there, within :data:`NEAR_TIE` of the one that it took, which what is lost, repeated or out of order is not.
How far arithmetic goes is shown by the load before any harm is done: the largest margin of both is in the table.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from scripts.chaos.answer import Answer

NEAR_TIE = 1.0
"""Of log-probabilities. Other shapes of batches move those of the embedded 4-bit model against each other by up to
0.51, with a standard deviation of 0.14; loads without any harm have shown up to 0.43. Of a thousand texts that have
lost or repeated a token, about twenty would pass (``python -m scripts.chaos.arithmetic``).
"""

SUBJECTS = ("the fox", "the sea", "a clock", "the baker", "winter", "a small ship", "the king", "music")


@dataclass(frozen=True, slots=True)
class Task:
    """A request's body without ``stream``, and its name in reports."""

    name: str
    body: dict[str, Any]


class Answers(Protocol):
    """What clients ask for, and what they must get."""

    def task(self, name: str, chooser: random.Random) -> Task:
        """Something to ask for."""

    def problem(self, task: Task, answer: Answer) -> str:
        """What is wrong with an answer; empty if nothing is."""


class EchoAnswers:
    """The echo engine repeats the words of the prompt up to the number of tokens asked for."""

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        """Nothing has to be known beforehand."""

    def task(self, name: str, chooser: random.Random) -> Task:
        words = [name, *(f"w{chooser.randrange(10_000)}" for _ in range(chooser.randrange(3, 30)))]
        body = {"model": "echo", "prompt": " ".join(words), "max_tokens": chooser.randrange(5, 120), "temperature": 0}
        return Task(name, body)

    def problem(self, task: Task, answer: Answer) -> str:
        words, count = task.body["prompt"].split(), task.body["max_tokens"]
        expected = "".join(f"{words[index % len(words)]} " for index in range(count))
        return _unfinished(answer, count) or _different(expected, answer.text)


def greedy_requests() -> list[tuple[str, int]]:
    """What a model is asked for: prompts, and how many tokens."""
    beginnings = ("Here is a list of facts about {}:\n1.", "Once upon a time, {}")
    return [(beginnings[number % 2].format(subject), 24 + 12 * number) for number, subject in enumerate(SUBJECTS)]


@dataclass(frozen=True, slots=True)
class Calm:
    """A calm run's text, its tokens, and the best candidates at each, with their log-probabilities."""

    text: str
    tokens: list[str]
    candidates: list[dict[str, float]]


@dataclass(slots=True)
class ModelAnswers:
    """Greedy continuations of a few prompts, which a model was asked for before anything was harmed."""

    model: str
    margins: list[float] = field(default_factory=list)
    _calm: dict[str, Calm] = field(default_factory=dict)
    _bodies: list[dict[str, Any]] = field(default_factory=list)

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        """Ask for every text once, one by one."""
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
            self._calm[prompt] = Calm(choice["text"], tokens, candidates)
        await asyncio.sleep(0)

    def task(self, name: str, chooser: random.Random) -> Task:
        return Task(name, chooser.choice(self._bodies))

    def problem(self, task: Task, answer: Answer) -> str:
        calm = self._calm[task.body["prompt"]]
        unfinished = _unfinished(answer, task.body["max_tokens"])
        if unfinished or answer.text == calm.text:
            return unfinished
        margin = margin_at_difference(calm, answer.text)
        if margin > NEAR_TIE:
            return f"{_different(calm.text, answer.text)}; what stands there was less likely by {margin:.2f}"
        self.margins.append(margin)
        return ""


def _unfinished(answer: Answer, tokens: int) -> str:
    if answer.status != 200 or answer.error:
        return f"status {answer.status}: {answer.error}"
    if not answer.ended or answer.finish_reasons != 1:
        return f"ended {answer.ended}, {answer.finish_reasons} finish reasons"
    counted = answer.completion_tokens
    return "" if counted == tokens else f"{counted} tokens counted, not {tokens}"


def _different(expected: str, text: str) -> str:
    if text == expected:
        return ""
    at = _first_difference(expected, text)
    return f"differs at character {at}: {text[at : at + 40]!r} in place of {expected[at : at + 40]!r}"


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def margin_at_difference(calm: Calm, text: str) -> float:
    """How much likelier the calm run's token was than what stands in its place; infinite if that was unlikely.

    The first character that differs may belong to the token after: one of two tokens can be the other's beginning.
    """
    at, begin = _first_difference(calm.text, text), 0
    margin = float("inf")
    for token, candidates in zip(calm.tokens, calm.candidates, strict=True):
        if begin <= at <= begin + len(token):
            others = [value for other, value in candidates.items() if other != token and text.startswith(other, begin)]
            margin = min(margin, candidates[token] - max(others, default=float("-inf")))
        begin += len(token)
    return margin
